namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>A number as the unevaluated sum of two doubles, about 105 bits: the reference for vector mathematics.</summary>
internal readonly record struct DoubleDouble(double High, double Low)
{
    private static readonly DoubleDouble Ln2 = new(0.6931471805599453, 2.3190468138462996e-17);
    private static readonly DoubleDouble InverseSqrtPi = new(0.5641895835477563, 7.66772980658294e-18);

    public static implicit operator DoubleDouble(double value) => new(value, 0);

    public static DoubleDouble operator +(DoubleDouble a, DoubleDouble b)
    {
        var s = a.High + b.High;
        var v = s - a.High;
        var e = (a.High - (s - v)) + (b.High - v);
        var t = a.Low + b.Low;
        var w = t - a.Low;
        var f = (a.Low - (t - w)) + (b.Low - w);
        return Quick(Quick(s, e + t), f);
    }

    public static DoubleDouble operator -(DoubleDouble a) => new(-a.High, -a.Low);

    public static DoubleDouble operator -(DoubleDouble a, DoubleDouble b) => a + -b;

    public static DoubleDouble operator *(DoubleDouble a, DoubleDouble b)
    {
        var p = a.High * b.High;
        var e = Math.FusedMultiplyAdd(a.High, b.High, -p);
        return Quick(p, e + ((a.High * b.Low) + (a.Low * b.High)));
    }

    public static DoubleDouble operator /(DoubleDouble a, DoubleDouble b)
    {
        var first = a.High / b.High;
        var rest = a - (b * first);
        var second = rest.High / b.High;
        rest -= b * second;
        return Quick(first, second) + (rest.High / b.High);
    }

    // Below 2^-900 the products of two-part arithmetic would underflow; callers scale by 2^k and hand k over.
    public static DoubleDouble Exp(DoubleDouble x, out int power)
    {
        power = (int)Math.Round(x.High / Ln2.High);
        return 1 + ExpM1Reduced(x - (Ln2 * power));
    }

    public static DoubleDouble Exp(DoubleDouble x)
    {
        var e = Exp(x, out var power);
        return e.Scale(power);
    }

    public static DoubleDouble ExpM1(DoubleDouble x) => Math.Abs(x.High) < 0.3 ? ExpM1Reduced(x) : Exp(x) - 1;

    public static DoubleDouble Log(DoubleDouble x)
    {
        // Two Newton steps for e^y = x from the double logarithm, on the significand.
        var power = Math.ILogB(x.High);
        var m = x.Scale(-power);
        DoubleDouble y = Math.Log(m.High);
        y += (m * Exp(-y)) - 1;
        y += (m * Exp(-y)) - 1;
        return y + (Ln2 * power);
    }

    public static DoubleDouble Log1P(DoubleDouble x)
    {
        if (Math.Abs(x.High) > 0.01)
            return Log(1 + x);

        // 2 artanh(x / (2 + x))
        var s = x / (2 + x);
        var square = s * s;
        DoubleDouble sum = 0;
        for (var k = 25; k >= 1; k -= 2)
            sum = (sum * square) + (DoubleDouble)1 / k;
        return 2 * s * sum;
    }

    public static DoubleDouble Log2(DoubleDouble x) => Log(x) / Ln2;

    public static DoubleDouble Erf(double x)
    {
        // 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!: no cancellation.
        DoubleDouble square = new DoubleDouble(x, 0) * x;
        DoubleDouble term = x;
        DoubleDouble sum = term;
        for (var n = 1; n < 300 && Math.Abs(term.High) > Math.Abs(sum.High) * 1e-33; n++)
        {
            term = term * square * 2 / ((2 * n) + 1);
            sum += term;
        }

        return 2 * InverseSqrtPi * Exp(-square) * sum;
    }

    public DoubleDouble Scale(int power)
    {
        var half = power / 2;
        return new(Math.ScaleB(Math.ScaleB(High, half), power - half), Math.ScaleB(Math.ScaleB(Low, half), power - half));
    }

    private static DoubleDouble ExpM1Reduced(DoubleDouble r)
    {
        DoubleDouble sum = 0;
        for (var k = 28; k >= 1; k--)
            sum = (1 + sum) * r / k;
        return sum;
    }

    private static DoubleDouble Quick(double a, double b)
    {
        var s = a + b;
        return new(s, b - (s - a));
    }

    private static DoubleDouble Quick(DoubleDouble a, double b) => Quick(a.High, a.Low + b);
}
