using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// The logistic functions of one argument, from one exponential: a loss that is a log-sigmoid has a sigmoid as its derivative. Each
/// to 1.5 units in the last place.
/// </summary>
/// <typeparam name="T">The element.</typeparam>
/// <typeparam name="V">The vector.</typeparam>
public readonly struct Logistic<T, V>
    where T : unmanaged
    where V : struct, IVector<V, T>
{
    private readonly V x;

    // e^-|x|, which does not overflow, and what rounding took from it.
    private readonly V e;
    private readonly V low;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Logistic(V x, V e, V low)
    {
        this.x = x;
        this.e = e;
        this.low = low;
    }

    /// <summary>Of <paramref name="x"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Logistic<T, V> Of(V x)
    {
        var y = x | V.Create(-0.0);
        var e = typeof(T) == typeof(float) ? SingleMath.ExpInParts<T, V>(y, out var low) : DoubleMath.ExpInParts<T, V>(y, out low);
        return new(x, e, low);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Sigmoid() => Quotient(V.Less(x, 0));

    /// <summary>1 / (1 + e^x): the derivative of log-sigmoid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V SigmoidOfNegative() => Quotient(V.Less(V.Create(0), x));

    /// <summary>log(1 / (1 + e^-x)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V LogSigmoid() => Tail(V.AtMost(x, 0)) - e;

    /// <summary>log(1 / (1 + e^x)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V LogSigmoidOfNegative() => Tail(V.AtMost(-x, 0)) - e;

    /// <summary>log(1 + e^x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Softplus() => e - Tail(V.AtMost(-x, 0));

    /// <summary>log(1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V SoftplusOfNegative() => e - Tail(V.AtMost(x, 0));

    // offset - (log(1 + e) - e): e comes last, since what is added before is smaller than it, or than the offset.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V Tail(V offset) => typeof(T) == typeof(float) ? SingleMath.Log1PTail<T, V>(e, low, offset) : DoubleMath.Log1PTail<T, V>(e, low, offset);

    // e / (1 + e) where the result is small, so that it keeps its digits; 1 / (1 + e) elsewhere.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V Quotient(V small)
    {
        var denominator = e + 1;
        var rounding = (e - (denominator - 1)) + low;
        var quotient = V.Where(small, e, V.Create(1)) / denominator;

        // Corrected by what rounding took from e and from 1 + e; 1 / (1 + e) is needed to 5 % only.
        var rest = V.MultiplyAdd(-quotient, rounding, low & small);
        return V.MultiplyAdd(rest, V.MultiplyAdd(e, -0.5, V.Create(0.957)), quotient);
    }
}
