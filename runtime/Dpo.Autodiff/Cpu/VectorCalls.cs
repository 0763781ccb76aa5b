using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// The functions of <see cref="VectorMath"/> as calls. The JIT inlines at most 512 locals' worth into a kernel, and beyond that even
/// additions would become calls: a kernel of many functions calls the largest ones.
/// </summary>
public static class VectorCalls
{
    /// <summary>e^x.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Exp<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.Exp<T, V>(x);

    /// <summary>e^x - 1, exact for small x.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V ExpM1<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.ExpM1<T, V>(x);

    /// <summary>The natural logarithm.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Log<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.Log<T, V>(x);

    /// <summary>log(1 + x), exact for small x.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Log1P<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.Log1P<T, V>(x);

    /// <summary>The logarithm to base 2.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Log2<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.Log2<T, V>(x);

    /// <summary>log(1 - e^x) for x at most 0.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Log1MExp<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.Log1MExp<T, V>(x);

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Sigmoid<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.Sigmoid<T, V>(x);

    /// <summary>log(1 / (1 + e^-x)).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V LogSigmoid<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.LogSigmoid<T, V>(x);

    /// <summary>log(1 + e^x).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Softplus<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.Softplus<T, V>(x);

    /// <summary>The hyperbolic tangent.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Tanh<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.Tanh<T, V>(x);

    /// <summary>The error function.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Erf<T, V>(V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => VectorMath.Erf<T, V>(x);
}
