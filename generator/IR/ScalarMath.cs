namespace Dpo.Autodiff.Generator.IR;

/// <summary>The functions that <see cref="Math"/> lacks, accurate at both ends.</summary>
internal static class ScalarMath
{
    /// <summary>exp(x) - 1 (Kahan): the rounding of exp(x) cancels between numerator and denominator.</summary>
    public static double ExpM1(double x)
    {
        var u = Math.Exp(x);
        if (u == 1)
            return x;
        var difference = u - 1;
        return difference == -1 || double.IsInfinity(u) ? difference : difference * x / Math.Log(u);
    }

    /// <summary>log(1 + x) (Kahan).</summary>
    public static double Log1P(double x)
    {
        var u = 1 + x;
        return u == 1 ? x : double.IsInfinity(u) ? Math.Log(u) : Math.Log(u) * x / (u - 1);
    }

    /// <summary>log(1 - exp(x)) for x &lt;= 0 (Maechler 2012).</summary>
    public static double Log1MExp(double x) => x > -Math.Log(2) ? Math.Log(-ExpM1(x)) : Log1P(-Math.Exp(x));

    public static double Sigmoid(double x)
    {
        var z = Math.Exp(-Math.Abs(x));
        return x >= 0 ? 1 / (1 + z) : z / (1 + z);
    }

    public static double Softplus(double x) => Math.Max(x, 0) + Log1P(Math.Exp(-Math.Abs(x)));

    /// <summary>C's pow: anything to the 0 and 1 to anything are 1, also of NaN.</summary>
    public static double Power(double x, double z) => z == 0 || x == 1 ? 1 : Math.Pow(x, z);

    public static double LogSumExp(double[] row)
    {
        var largest = row.Aggregate(double.NegativeInfinity, Math.Max);
        var shift = double.IsInfinity(largest) || double.IsNaN(largest) ? 0 : largest;
        return Math.Log(row.Sum(x => Math.Exp(x - shift))) + shift;
    }

    /// <summary>The first place of the largest element; NaN is the largest.</summary>
    public static double ArgMax(double[] row)
    {
        var best = 0;
        for (var i = 1; i < row.Length; i++)
            if (!double.IsNaN(row[best]) && (double.IsNaN(row[i]) || row[i] > row[best]))
                best = i;
        return best;
    }

    /// <summary>The error function to full precision: its series below 3, the continued fraction of its complement above.</summary>
    public static double Erf(double x)
    {
        var a = Math.Abs(x);
        if (double.IsNaN(x))
            return x;
        if (a < 3)
        {
            // erf(x) = 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!, all terms positive.
            var term = a;
            var sum = a;
            for (var n = 1; term > sum * 1e-18; n++)
            {
                term *= 2 * a * a / ((2 * n) + 1);
                sum += term;
            }

            return Math.Sign(x) * 2 / Math.Sqrt(Math.PI) * Math.Exp(-a * a) * sum;
        }

        var fraction = a;
        for (var n = 60; n > 0; n--)
            fraction = a + (n / 2.0 / fraction);
        return Math.Sign(x) * (1 - (Math.Exp(-a * a) / (fraction * Math.Sqrt(Math.PI))));
    }

    /// <summary>Between kinds, and rounded to a dtype's precision where one is named.</summary>
    public static double Convert(double x, ElementKind kind, string? dtype)
    {
        var value = kind switch
        {
            ElementKind.Boolean => x != 0 ? 1 : 0,
            ElementKind.Integer => Math.Truncate(x),
            _ => x,
        };
        return dtype switch
        {
            "Float32" => (float)value,
            "Float16" => Rounded(value, 11, -24, 65504),
            "BFloat16" => Rounded(value, 8, -133, 3.3895313892515355e38),
            _ => value,
        };
    }

    /// <summary>Rounded to the nearest of a format's numbers, ties to even.</summary>
    private static double Rounded(double x, int digits, int smallest, double largest)
    {
        if (x == 0 || double.IsNaN(x) || double.IsInfinity(x))
            return x;
        var exponent = (int)((BitConverter.DoubleToInt64Bits(x) >> 52) & 0x7FF) - 1023;
        var unit = Math.Pow(2, Math.Max(exponent - digits + 1, smallest));
        var rounded = Math.Round(x / unit, MidpointRounding.ToEven) * unit;
        return Math.Abs(rounded) > largest ? x > 0 ? double.PositiveInfinity : double.NegativeInfinity : rounded;
    }
}
