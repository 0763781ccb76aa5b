using System.Numerics;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>A number of 16,000 binary digits: enough that 1 + exp(-10,000) is not 1 and exp(10,000) - exp(9,999) is exact for a double.</summary>
/// <remarks>Mantissa * 2^Exponent. Functions are series; nothing is shared with the code under test.</remarks>
internal readonly record struct BigFloat(BigInteger Mantissa, int Exponent)
{
    private const int Digits = 16000;

    public static BigFloat Zero { get; } = new(BigInteger.Zero, 0);

    public static BigFloat One { get; } = new(BigInteger.One, 0);

    private static BigFloat LogOfTwo { get; } = SeriesOfLogOfTwo();

    public bool IsNegative => Mantissa.Sign < 0;

    public static BigFloat Of(double number)
    {
        if (number == 0)
            return Zero;
        var bits = BitConverter.DoubleToInt64Bits(number);
        var exponent = (int)((bits >> 52) & 0x7FF);
        var mantissa = (bits & ((1L << 52) - 1)) | (exponent == 0 ? 0 : 1L << 52);
        return new BigFloat(number < 0 ? -mantissa : mantissa, Math.Max(exponent, 1) - 1075).Rounded();
    }

    public double ToDouble()
    {
        if (Mantissa.IsZero)
            return 0;
        var size = (int)BigInteger.Abs(Mantissa).GetBitLength();
        var shift = size - 64;
        var leading = (double)(shift > 0 ? Mantissa >> shift : Mantissa << -shift);
        return Math.ScaleB(leading, shift + Exponent);
    }

    public static BigFloat operator -(BigFloat x) => x with { Mantissa = -x.Mantissa };

    public static BigFloat operator +(BigFloat x, BigFloat z)
    {
        if (x.Mantissa.IsZero)
            return z;
        if (z.Mantissa.IsZero)
            return x;
        var (high, low) = x.Exponent >= z.Exponent ? (x, z) : (z, x);
        var shift = high.Exponent - low.Exponent;
        // Where one is below the other's last digit it does not count.
        return shift > 4 * Digits ? high : new BigFloat((high.Mantissa << shift) + low.Mantissa, low.Exponent).Rounded();
    }

    public static BigFloat operator -(BigFloat x, BigFloat z) => x + -z;

    public static BigFloat operator *(BigFloat x, BigFloat z) => new BigFloat(x.Mantissa * z.Mantissa, x.Exponent + z.Exponent).Rounded();

    public static BigFloat operator /(BigFloat x, BigFloat z)
    {
        var shift = Digits + (int)BigInteger.Abs(z.Mantissa).GetBitLength();
        return new BigFloat((x.Mantissa << shift) / z.Mantissa, x.Exponent - z.Exponent - shift).Rounded();
    }

    public static bool operator <(BigFloat x, BigFloat z) => (x - z).IsNegative;

    public static bool operator >(BigFloat x, BigFloat z) => z < x;

    /// <summary>exp(x) = 2^k exp(r / 2^120)^(2^120), r below log(2).</summary>
    public static BigFloat Exp(BigFloat x)
    {
        const int Halvings = 120;
        var k = (int)Math.Round(x.ToDouble() / Math.Log(2));
        var r = x - (Of(k) * LogOfTwo);
        r = r with { Exponent = r.Exponent - Halvings };
        var (term, sum) = (One, One);
        for (var n = 1; !term.Mantissa.IsZero && term.Size > -Digits - Halvings - 16; n++)
        {
            term *= r;
            term = term with { Mantissa = term.Mantissa / n };
            sum += term;
        }

        for (var i = 0; i < Halvings; i++)
            sum *= sum;
        return sum with { Exponent = sum.Exponent + k };
    }

    /// <summary>log(x) by Halley's method on exp: each step triples the digits.</summary>
    public static BigFloat Log(BigFloat x)
    {
        var size = x.Size;
        var reduced = x with { Exponent = x.Exponent - size };
        var y = Of(Math.Log(reduced.ToDouble()));
        for (var digits = 40; digits < Digits; digits *= 3)
        {
            var e = Exp(y);
            y += Of(2) * (reduced - e) / (reduced + e);
        }

        return y + (Of(size) * LogOfTwo);
    }

    /// <summary>The exponent of the leading digit.</summary>
    private int Size => (int)BigInteger.Abs(Mantissa).GetBitLength() + Exponent;

    private BigFloat Rounded()
    {
        var excess = (int)BigInteger.Abs(Mantissa).GetBitLength() - Digits;
        return excess > 0 ? new(Mantissa >> excess, Exponent + excess) : this;
    }

    /// <summary>log(2) = sum of 1 / (n 2^n).</summary>
    private static BigFloat SeriesOfLogOfTwo()
    {
        var sum = BigInteger.Zero;
        var power = BigInteger.One << (Digits + 64);
        for (var n = 1; !power.IsZero; n++)
        {
            power >>= 1;
            sum += power / n;
        }

        return new BigFloat(sum, -Digits - 64).Rounded();
    }
}
