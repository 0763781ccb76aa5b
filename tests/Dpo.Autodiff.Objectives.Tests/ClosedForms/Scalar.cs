namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>The functions of the closed forms, in plain double arithmetic and independent of torch.</summary>
internal static class Scalar
{
    public static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    /// <summary>log sigmoid(x).</summary>
    public static double Ls(double x) => x >= 0 ? -LogOnePlus(Math.Exp(-x)) : x - LogOnePlus(Math.Exp(x));

    public static double Relu(double x) => Math.Max(x, 0);

    /// <summary>The derivative of relu, 0 at 0.</summary>
    public static double Step(double x) => x > 0 ? 1 : 0;

    /// <summary>log(1 + x) by Kahan's correction.</summary>
    public static double LogOnePlus(double x)
    {
        var u = 1 + x;
        return u == 1 ? x : Math.Log(u) * x / (u - 1);
    }

    public static double NormalDensity(double x) => Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    /// <summary>The normal distribution function: Taylor's series near 0, Laplace's continued fraction in the tails.</summary>
    public static double NormalCdf(double x)
    {
        if (x > 0)
            return 1 - NormalCdf(-x);
        if (x > -3)
        {
            double sum = x, term = x;
            for (var n = 1; n < 200; n++)
            {
                term *= -x * x / (2.0 * n);
                sum += term / (2 * n + 1);
            }

            return 0.5 + sum / Math.Sqrt(2 * Math.PI);
        }

        var fraction = -x;
        for (var n = 300; n >= 1; n--)
            fraction = -x + n / fraction;
        return NormalDensity(x) / fraction;
    }

    public static double LogSumExp(IEnumerable<double> values)
    {
        var all = values.ToArray();
        var largest = all.Max();
        return largest + Math.Log(all.Sum(v => Math.Exp(v - largest)));
    }

    /// <summary>Fixed values between -1 and 1 times a scale, by SplitMix64: the streams of System.Random's neighbouring seeds are affine in each other.</summary>
    public static double[] Values(int count, int seed, double scale = 3)
    {
        var state = (ulong)seed * 0x632BE59BD9B4E019;
        var values = new double[count];
        for (var i = 0; i < count; i++)
        {
            var z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            values[i] = scale * (((z ^ (z >> 31)) >> 11) * (2.0 / (1L << 53)) - 1);
        }

        return values;
    }
}
