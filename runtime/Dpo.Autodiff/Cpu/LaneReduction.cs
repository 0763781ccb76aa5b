using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>Reductions other than sums: into the lanes of an accumulator, and across its lanes when the loop is done.</summary>
/// <remarks>The accumulator is the right one of two: what tells NaN from numbers then looks at the value alone, which is not waited for.</remarks>
public static class LaneReduction
{
    /// <summary>The larger of an accumulator and a value in the first <paramref name="count"/> lanes; NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Max<T, V>(V total, V value, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> =>
        count >= V.Count ? V.Max(value, total) : V.Where(V.FirstLanes(count), V.Max(value, total), total);

    /// <summary>The smaller of an accumulator and a value in the first <paramref name="count"/> lanes; NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Min<T, V>(V total, V value, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> =>
        count >= V.Count ? V.Min(value, total) : V.Where(V.FirstLanes(count), V.Min(value, total), total);

    /// <summary>Whether an accumulator or a condition holds, in the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Any<T, V>(V total, V condition, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> => total | (count >= V.Count ? condition : condition & V.FirstLanes(count));

    /// <summary>Whether an accumulator and a condition hold, in the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V All<T, V>(V total, V condition, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> => total & (count >= V.Count ? condition : condition | ~V.FirstLanes(count));

    /// <summary>The largest lane, in every lane.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Max<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var largest = value;
        for (var lane = 0; lane < V.Count; lane++)
            largest = V.Max(largest, V.Broadcast(V.Element(value, lane)));
        return largest;
    }

    /// <summary>The smallest lane, in every lane.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Min<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var smallest = value;
        for (var lane = 0; lane < V.Count; lane++)
            smallest = V.Min(smallest, V.Broadcast(V.Element(value, lane)));
        return smallest;
    }

    /// <summary>Whole numbers: the sum of an accumulator and a value in the first <paramref name="count"/> lanes.</summary>
    public static Int64Lanes Sum(Int64Lanes total, Int64Lanes value, int count) =>
        total + Int64Lanes.Where(Int64Lanes.FirstLanes(count), value, default);

    /// <summary>Whole numbers: the larger of an accumulator and a value in the first <paramref name="count"/> lanes.</summary>
    public static Int64Lanes Max(Int64Lanes total, Int64Lanes value, int count) =>
        Int64Lanes.Where(Int64Lanes.FirstLanes(count), Int64Lanes.Max(total, value), total);

    /// <summary>Whole numbers: the smaller of an accumulator and a value in the first <paramref name="count"/> lanes.</summary>
    public static Int64Lanes Min(Int64Lanes total, Int64Lanes value, int count) =>
        Int64Lanes.Where(Int64Lanes.FirstLanes(count), Int64Lanes.Min(total, value), total);

    /// <summary>The sum of all lanes, modulo 2^64.</summary>
    public static long Sum(Int64Lanes value)
    {
        var total = 0L;
        for (var lane = 0; lane < Int64Lanes.Capacity; lane++)
            total = unchecked(total + value[lane]);
        return total;
    }

    /// <summary>The largest lane.</summary>
    public static long Max(Int64Lanes value)
    {
        var largest = value[0];
        for (var lane = 1; lane < Int64Lanes.Capacity; lane++)
            largest = Math.Max(largest, value[lane]);
        return largest;
    }

    /// <summary>The smallest lane.</summary>
    public static long Min(Int64Lanes value)
    {
        var smallest = value[0];
        for (var lane = 1; lane < Int64Lanes.Capacity; lane++)
            smallest = Math.Min(smallest, value[lane]);
        return smallest;
    }
}
