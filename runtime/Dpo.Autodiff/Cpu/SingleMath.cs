using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>The mathematics of <see cref="VectorMath"/> in float. Polynomials are minimax fits over the interval that their comment names.</summary>
internal static class SingleMath
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Exp<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // Beyond the bounds the result is infinite or zero anyway, and the exponent stays within what Scale takes. NaN passes.
        x = V.Clamp(x, -105, 90);
        var r = Reduced<T, V>(x, out var n);
        return V.Scale(V.MultiplyAdd(ExpFactor<T, V>(r), r * r, r) + 1, n);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V ExpM1<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var y = V.Clamp(x, -20, 88.8);
        var r = Reduced<T, V>(y, out var n, out var lost);
        var tail = V.MultiplyAdd(ExpFactor<T, V>(r), r * r, lost);

        // 2^n (1 + r + tail) - 1, halved so that 2^n stays finite where the result does; r first, which cancels exactly.
        var half = V.Scale(V.Create(0.5), n);
        var result = V.MultiplyAdd(half, tail, V.MultiplyAdd(half, r, half - 0.5));
        result = V.Where(V.Equal(n, 0), r + tail, result + result);
        return V.Where(V.Equal(x, 0), x, result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Log<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var f = V.Significand(x, out var n) - 1;
        var y = LogTail<T, V>(f);
        return LogLimits<T, V>(x, V.MultiplyAdd(n, 0.693359375, f + V.MultiplyAdd(n, -2.12194440054690583e-4, y)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Log2<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // log2(e) in two parts, so that the product with f is not rounded twice.
        var f = V.Significand(x, out var n) - 1;
        var y = LogTail<T, V>(f);
        var high = V.Create(1.44269502162933349609375);
        var low = V.MultiplyAdd(f, 1.925963033500e-8, y * high);
        return LogLimits<T, V>(x, n + V.MultiplyAdd(f, high, low));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Log1P<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // log(u) with u = 1 + x rounded, and what the rounding took.
        var u = x + 1;
        var lost = V.Where(V.Less(V.Create(1), x), V.Create(1) - (u - x), x - (u - 1));
        var f = V.Significand(u, out var n) - 1;
        var y = LogTail<T, V>(f) + (lost / u);
        var result = V.MultiplyAdd(n, 0.693359375, f + V.MultiplyAdd(n, -2.12194440054690583e-4, y));
        return V.Where(V.Equal(x, 0), x, LogLimits<T, V>(u, result));
    }

    /// <summary><paramref name="offset"/> - (log(1 + z) - z) for z between 0 and 1; <paramref name="low"/> is a part of z below its last place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Log1PTail<T, V>(V z, V low, V offset)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // (log(1 + z) - z) / z^2 over [0, 1]
        var p = V.Create(0.0020376904867589474);
        p = V.Polynomial(p, z, -0.013525152578949928, 0.04192225635051727, -0.08322592079639435, 0.12495743483304977);
        p = V.Polynomial(p, z, -0.16150827705860138, 0.19906380772590637, -0.2499033510684967, 0.33332863450050354);
        p = V.MultiplyAdd(p, z, -0.4999999403953552);

        // The derivative 1 / (1 + z), to 5 %.
        offset = V.MultiplyAdd(-low, V.MultiplyAdd(z, -0.5, V.Create(0.957)), offset);
        return V.MultiplyAdd(-p, z * z, offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Tanh<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var magnitude = V.Abs(x);
        var large = V.Create(1) - (V.Create(2) / (Exp<T, V>(magnitude + magnitude) + 1));

        // (tanh(x) - x) / x^3 in x^2 over [0, 0.55]
        var s = x * x;
        var p = V.Create(-0.006238845642656088);
        p = V.Polynomial(p, s, 0.021055804565548897, -0.0538516491651535, 0.13332624733448029, -0.33333319425582886);
        var small = V.MultiplyAdd(p * s, magnitude, magnitude);
        return V.Where(V.Less(magnitude, 0.55), small, large) | (x & V.Create(-0.0));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Erf<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // log(erfc(t)) / t over [0.927, 3.95], beyond which erf rounds to 1
        var magnitude = V.Abs(x);
        var t = V.Clamp(magnitude, 0, 4);
        var q = V.Create(-1.1776123756135348e-05);
        q = V.MultiplyAdd(q, t, 0.000328206893755123);
        q = V.MultiplyAdd(q, t, -0.003664208110421896);
        q = V.Polynomial(q, t, 0.023807566612958908, -0.1062891036272049, -0.6351200938224792, -1.128656029701233);
        var large = V.Create(1) - Exp<T, V>(q * t);

        // erf(x) / x - 1 in x^2 over [0, 0.928]
        var s = x * x;
        var p = V.Create(8.357771730516106e-05);
        p = V.MultiplyAdd(p, s, -0.0008140411810018122);
        p = V.MultiplyAdd(p, s, 0.0052008964121341705);
        p = V.Polynomial(p, s, -0.026859376579523087, 0.11283695697784424, -0.37612634897232056, 0.12837916612625122);
        var small = V.MultiplyAdd(p, magnitude, magnitude);
        return V.Where(V.Less(magnitude, 0.927734375), small, large) | (x & V.Create(-0.0));
    }

    /// <summary>e^x for x at most 0, as a number and what rounding took from it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V ExpInParts<T, V>(V x, out V low)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        x = V.AtLeast(x, -105);
        var r = Reduced<T, V>(x, out var n);
        var s = V.MultiplyAdd(ExpFactor<T, V>(r), r * r, r);
        var high = s + 1;
        low = V.Scale(s - (high - 1), n);
        return V.Scale(high, n);
    }

    /// <summary>r with exp(x) = 2^n exp(r), between -ln(2)/2 and ln(2)/2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Reduced<T, V>(V x, out V n)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // Cody and Waite: ln 2 in two parts, of which the first has few bits.
        n = V.Round(x * 1.44269504088896341);
        return V.MultiplyAdd(n, -1.42860682030941723212e-6, V.MultiplyAdd(n, -0.693145751953125, x));
    }

    /// <summary>As the other, with what rounding takes from r.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Reduced<T, V>(V x, out V n, out V lost)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        n = V.Round(x * 1.44269504088896341);
        var high = V.MultiplyAdd(n, -0.693145751953125, x);
        var r = V.MultiplyAdd(n, -1.42860682030941723212e-6, high);
        lost = V.MultiplyAdd(n, -1.42860682030941723212e-6, high - r);
        return r;
    }

    /// <summary>(exp(r) - 1 - r) / r^2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpFactor<T, V>(V r)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // Over [-ln(2)/2, ln(2)/2].
        var p = V.Create(0.001381459878757596);
        return V.Polynomial(p, r, 0.008368716575205326, 0.04166838899254799, 0.1666652113199234, 0.4999999403953552);
    }

    /// <summary>log(1 + f) - f for 1 + f between sqrt(1/2) and sqrt(2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LogTail<T, V>(V f)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // (log(1 + f) - f + f^2 / 2) / f^3
        var p = V.Create(-0.07860041409730911);
        p = V.MultiplyAdd(p, f, 0.12881873548030853);
        p = V.MultiplyAdd(p, f, -0.13128681480884552);
        p = V.MultiplyAdd(p, f, 0.14181150496006012);
        p = V.Polynomial(p, f, -0.16624557971954346, 0.200022891163826, -0.25000810623168945, 0.33333316445350647);
        return V.MultiplyAdd(p, f, -0.5) * (f * f);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LogLimits<T, V>(V x, V result)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // Finite and positive is the rule; infinity and NaN map to themselves, 0 to -infinity, negative numbers to NaN.
        result = V.Where(V.Less(x, double.PositiveInfinity), result, x);
        result = V.Where(V.Less(V.Create(0), x), result, V.Create(double.NaN));
        return V.Where(V.Equal(x, 0), V.Create(double.NegativeInfinity), result);
    }
}
