using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// A sum, lane by lane, that keeps the rounding errors of its additions: it is off by at most two units in the last place of the sum
/// of magnitudes, however many there are.
/// </summary>
/// <typeparam name="T">The element.</typeparam>
/// <typeparam name="V">The vector.</typeparam>
public struct VectorSum<T, V>
    where T : unmanaged
    where V : struct, IVector<V, T>
{
    private V total;
    private V error;

    /// <summary>The sum of each lane. An infinite or undefined one has no error term worth adding.</summary>
    public readonly V Lanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => V.Where(V.Less(V.Abs(error), double.PositiveInfinity), total + error, total);
    }

    /// <summary>Adds the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(V value, int count) => Add(count < V.Count ? value & V.FirstLanes(count) : value);

    /// <summary>Adds every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(V value)
    {
        // Dekker's fast two-sum: exact where the total is the larger one, as it is but for the first few.
        var sum = total + value;
        error += value - (sum - total);
        total = sum;
    }

    /// <summary>Adds the lanes together onto a block's partial result.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void AddTo(VectorSum<T, V> sum, ref BlockPartial partial)
    {
        // Sixteen floats leave a double digits enough.
        if (typeof(T) == typeof(float))
        {
            partial.Add(V.Sum(sum.total));
            partial.Error += V.Sum(sum.error);
            return;
        }

        for (var lane = 0; lane < V.Count; lane++)
        {
            partial.Add(ToDouble(V.Element(sum.total, lane)));
            partial.Error += ToDouble(V.Element(sum.error, lane));
        }
    }

    /// <summary>The sum of all lanes.</summary>
    /// <remarks>Inlined: a sum that is handed to a method lives in memory all the time, and every addition waits for it.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Total(VectorSum<T, V> sum)
    {
        var (value, error) = (V.Sum(sum.total), V.Sum(sum.error));
        return double.IsFinite(value) && double.IsFinite(error) ? value + error : value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double ToDouble(T value) => typeof(T) == typeof(float) ? Unsafe.BitCast<T, float>(value) : Unsafe.BitCast<T, double>(value);
}
