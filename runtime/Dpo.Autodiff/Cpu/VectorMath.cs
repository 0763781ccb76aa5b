using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// The functions of objectives on vectors, to 1.5 units in the last place over the whole range, subnormal numbers, infinities and
/// NaN included; the same on every machine that rounds as IEEE 754 says.
/// </summary>
/// <remarks>They are inlined, so that neighbours share their work; <see cref="VectorCalls"/> has the same functions as calls.</remarks>
public static class VectorMath
{
    /// <summary>e^x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => ExpInline<T, V>(x);

    /// <summary>e^x - 1, exact for small x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V ExpM1<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float) ? SingleMath.ExpM1<T, V>(x) : DoubleMath.ExpM1<T, V>(x);

    /// <summary>The natural logarithm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float) ? SingleMath.Log<T, V>(x) : DoubleMath.Log<T, V>(x);

    /// <summary>log(1 + x), exact for small x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log1P<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float) ? SingleMath.Log1P<T, V>(x) : DoubleMath.Log1P<T, V>(x);

    /// <summary>The logarithm to base 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log2<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float) ? SingleMath.Log2<T, V>(x) : DoubleMath.Log2<T, V>(x);

    /// <summary>log(1 - e^x) for x at most 0 (Maechler 2012).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log1MExp<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var near = Log<T, V>(-ExpM1<T, V>(x));
        var far = Log1P<T, V>(-Exp<T, V>(x));
        return V.Where(V.Less(V.Create(-0.6931471805599453), x), near, far);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // e^-|x| does not overflow, and keeps its digits where the result is small: e / (1 + e) there, 1 / (1 + e) elsewhere.
        var e = ExpInParts<T, V>(-V.Abs(x), out var low);
        var negative = V.Less(x, 0);
        var numerator = V.Where(negative, e, V.Create(1));
        var denominator = e + 1;
        var quotient = numerator / denominator;

        // One step of refinement with what rounding took from e and from 1 + e; 1 / (1 + e) is needed to 5 % only.
        var rest = V.MultiplyAdd(-quotient, (e - (denominator - 1)) + low, low & negative);
        rest += V.MultiplyAdd(-quotient, denominator, numerator);
        return V.MultiplyAdd(rest, V.MultiplyAdd(e, -0.5, V.Create(0.957)), quotient);
    }

    /// <summary>log(1 / (1 + e^-x)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V LogSigmoid<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => -Log1PExp<T, V>(-V.Abs(x), V.Max(-x, V.Create(0)));

    /// <summary>log(1 + e^x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Softplus<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => Log1PExp<T, V>(-V.Abs(x), V.Max(x, V.Create(0)));

    /// <summary>The hyperbolic tangent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float) ? SingleMath.Tanh<T, V>(x) : DoubleMath.Tanh<T, V>(x);

    /// <summary>The error function.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Erf<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float) ? SingleMath.Erf<T, V>(x) : DoubleMath.Erf<T, V>(x);

    /// <summary>x to the power y, with the special cases of C's <c>pow</c>: lane by lane, correct rather than fast.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Power<T, V>(V x, V y)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        Span<T> lanes = stackalloc T[16];
        for (var lane = 0; lane < V.Count; lane++)
        {
            var (a, b) = (V.Element(x, lane), V.Element(y, lane));
            lanes[lane] = typeof(T) == typeof(float)
                ? Unsafe.BitCast<float, T>((float)Math.Pow(Unsafe.BitCast<T, float>(a), Unsafe.BitCast<T, float>(b)))
                : Unsafe.BitCast<double, T>(Math.Pow(Unsafe.BitCast<T, double>(a), Unsafe.BitCast<T, double>(b)));
        }

        return V.Load(ref lanes[0], 0, V.Count);
    }

    /// <summary>-1, 0 or 1; NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sign<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => V.Where(V.Less(V.Create(0), x), V.Create(1), V.Where(V.Less(x, 0), V.Create(-1), x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpInline<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float) ? SingleMath.Exp<T, V>(x) : DoubleMath.Exp<T, V>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpInParts<T, V>(V x, out V low)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float)
            ? SingleMath.ExpInParts<T, V>(x, out low)
            : DoubleMath.ExpInParts<T, V>(x, out low);

    // offset + log(1 + e^x) for x at most 0: e^x + tail and the offset are added without loss, and rounded once.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Log1PExp<T, V>(V x, V offset)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var e = ExpInParts<T, V>(x, out var low);
        var tail = typeof(T) == typeof(float) ? SingleMath.Log1PTail<T, V>(e, low) : DoubleMath.Log1PTail<T, V>(e, low);
        var high = e + tail;
        var sum = offset + high;
        var part = sum - offset;
        var exact = sum + (((offset - (sum - part)) + (high - part)) + (tail - (high - e)));
        return V.Where(V.Less(sum, double.PositiveInfinity), exact, sum);
    }
}
