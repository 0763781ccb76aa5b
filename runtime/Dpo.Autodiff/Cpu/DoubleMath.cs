using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>The mathematics of <see cref="VectorMath"/> in double. Polynomials are minimax fits over the interval that their comment names.</summary>
internal static class DoubleMath
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Exp<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        x = V.Clamp(x, -760, 720);
        var r = Reduced<T, V>(x, out var n);
        return V.Scale(V.MultiplyAdd(ExpFactor<T, V>(r), r * r, r) + 1, n);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V ExpM1<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var y = V.Clamp(x, -40, 709.9);
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
        var low = V.MultiplyAdd(n, 1.90821492927058770002e-10, y);
        return LogLimits<T, V>(x, V.MultiplyAdd(n, 6.93147180369123816490e-01, f + low));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Log2<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // log2(e) in two parts, so that the product with f is not rounded twice.
        var f = V.Significand(x, out var n) - 1;
        var y = LogTail<T, V>(f);
        var high = V.Create(1.4426950408889634);
        var low = V.MultiplyAdd(f, 2.0355273740931033e-17, y * high);
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
        var low = V.MultiplyAdd(n, 1.90821492927058770002e-10, y);
        var result = V.MultiplyAdd(n, 6.93147180369123816490e-01, f + low);
        return V.Where(V.Equal(x, 0), x, LogLimits<T, V>(u, result));
    }

    /// <summary><paramref name="offset"/> - (log(1 + z) - z) for z between 0 and 1; <paramref name="low"/> is a part of z below its last place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Log1PTail<T, V>(V z, V low, V offset)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // (log(1 + z) - z) / z^2 over [0, 1]
        var p = V.Create(2.5114002820842925e-05);
        p = V.MultiplyAdd(p, z, -0.0002905592810477259);
        p = V.MultiplyAdd(p, z, 0.0015948744809517721);
        p = V.Polynomial(p, z, -0.005554781651157879, 0.01389058728703054, -0.026861793397499514, 0.04247592101309553);
        p = V.Polynomial(p, z, -0.057689694640677684, 0.0705043144457074, -0.08090152629488975, 0.09017246671212832);
        p = V.Polynomial(p, z, -0.0998244164594934, 0.11107881524036878, -0.12499553064473388, 0.14285669307039636);
        p = V.Polynomial(p, z, -0.16666663527616213, 0.19999999858320344, -0.24999999996297112, 0.3333333333328737);
        p = V.MultiplyAdd(p, z, -0.4999999999999983);

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
        var p = V.Create(-1.9445238138674546e-05);
        p = V.MultiplyAdd(p, s, 8.327230876800935e-05);
        p = V.MultiplyAdd(p, s, -0.00023337990852082032);
        p = V.Polynomial(p, s, 0.0005884572341135765, -0.0014555497870892631, 0.0035920938195679753, -0.00886323286339457);
        p = V.Polynomial(p, s, 0.021869488408164398, -0.053968253964813785, 0.1333333333332903, -0.33333333333333315);
        var small = V.MultiplyAdd(p * s, magnitude, magnitude);
        return V.Where(V.Less(magnitude, 0.55), small, large) | (x & V.Create(-0.0));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Erf<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // log(erfc(t)) / t over [0.927, 6], beyond which erf rounds to 1
        var magnitude = V.Abs(x);
        var t = V.Clamp(magnitude, 0, 6);
        var q = V.Create(-2.543313760473809e-15);
        q = V.MultiplyAdd(q, t, 1.3497894346655967e-13);
        q = V.Polynomial(q, t, -3.3504331553470963e-12, 5.154197746315177e-11, -5.479289943779273e-10, 4.2338707826708005e-09);
        q = V.Polynomial(q, t, -2.4167348624818118e-08, 9.954271980020756e-08, -2.6001341088631055e-07, 1.0897568258961644e-07);
        q = V.Polynomial(q, t, 2.8215412831142956e-06, -1.6261953792264325e-05, 5.1799442999236933e-05, -9.437793246067966e-05);
        q = V.Polynomial(q, t, 6.440186014733335e-06, 0.0005622305556117293, -0.0016771961166118657, 0.00019918013910121297);
        q = V.Polynomial(q, t, 0.019132382587458533, -0.10277368946644391, -0.6366195845992296, -1.1283791823890872);
        var large = V.Create(1) - Exp<T, V>(q * t);

        // erf(x) / x - 1 in x^2 over [0, 0.928]
        var s = x * x;
        var p = V.Create(-8.303474463435968e-10);
        p = V.MultiplyAdd(p, s, 1.396799443228684e-08);
        p = V.MultiplyAdd(p, s, -1.6260761519340124e-07);
        p = V.MultiplyAdd(p, s, 1.645365039261788e-06);
        p = V.Polynomial(p, s, -1.4925196883410205e-05, 0.000120553167103268, -0.0008548326638210177, 0.005223977619651756);
        p = V.Polynomial(p, s, -0.026866170644617278, 0.11283791670952767, -0.3761263890318371, 0.1283791670955126);
        var small = V.MultiplyAdd(p, magnitude, magnitude);
        return V.Where(V.Less(magnitude, 0.927734375), small, large) | (x & V.Create(-0.0));
    }

    /// <summary>e^x for x at most 0, as a number and what rounding took from it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V ExpInParts<T, V>(V x, out V low)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        x = V.AtLeast(x, -760);
        var r = Reduced<T, V>(x, out var n, out var lost);
        var s = r + V.MultiplyAdd(ExpFactor<T, V>(r), r * r, lost);
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
        return V.MultiplyAdd(n, -1.90821492927058770002e-10, V.MultiplyAdd(n, -6.93147180369123816490e-01, x));
    }

    /// <summary>As the other, with what rounding takes from r.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Reduced<T, V>(V x, out V n, out V lost)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        n = V.Round(x * 1.44269504088896341);
        var high = V.MultiplyAdd(n, -6.93147180369123816490e-01, x);
        var r = V.MultiplyAdd(n, -1.90821492927058770002e-10, high);
        lost = V.MultiplyAdd(n, -1.90821492927058770002e-10, high - r);
        return r;
    }

    /// <summary>(exp(r) - 1 - r) / r^2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpFactor<T, V>(V r)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // Over [-ln(2)/2, ln(2)/2].
        var p = V.Create(2.092709242185342e-09);
        p = V.MultiplyAdd(p, r, 2.5112347372495475e-08);
        p = V.Polynomial(p, r, 2.755723282156473e-07, 2.7557233933586627e-06, 2.4801587374451505e-05, 0.00019841269897356503);
        p = V.Polynomial(p, r, 0.001388888888885803, 0.008333333333316621, 0.04166666666666673, 0.16666666666666685);
        p = V.MultiplyAdd(p, r, 0.5);
        return p;
    }

    /// <summary>log(1 + f) - f for 1 + f between sqrt(1/2) and sqrt(2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LogTail<T, V>(V f)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // FreeBSD's e_log.c: with s = f / (2 + f), log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)).
        var s = f / (V.Create(2) + f);
        var z = s * s;
        var p = V.Create(1.479819860511658591e-01);
        p = V.MultiplyAdd(p, z, 1.531383769920937332e-01);
        p = V.MultiplyAdd(p, z, 1.818357216161805012e-01);
        p = V.Polynomial(p, z, 2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01);
        var half = V.Create(0.5) * f * f;
        return V.MultiplyAdd(s, V.MultiplyAdd(p, z, half), -half);
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
