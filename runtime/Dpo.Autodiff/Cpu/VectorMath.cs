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
        where V : struct, IVector<V, T> => Logistic<T, V>.Of(x).Sigmoid();

    /// <summary>log(1 / (1 + e^-x)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V LogSigmoid<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => Logistic<T, V>.Of(x).LogSigmoid();

    /// <summary>log(1 + e^x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Softplus<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => Logistic<T, V>.Of(x).Softplus();

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

    /// <summary>-1, 0 or 1; 0 for NaN, as torch has it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sign<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => V.Where(V.Less(V.Create(0), x), V.Create(1), V.Where(V.Less(x, 0), V.Create(-1), V.Create(0)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpInline<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float) ? SingleMath.Exp<T, V>(x) : DoubleMath.Exp<T, V>(x);
}
