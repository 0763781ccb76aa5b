using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>Where the largest element is, lane by lane: the first of equal ones, and NaN is the largest of all, as in torch.</summary>
/// <typeparam name="T">The element.</typeparam>
/// <typeparam name="V">The vector.</typeparam>
public struct VectorArgMax<T, V>
    where T : unmanaged
    where V : struct, IVector<V, T>
{
    private V best;
    private V found;

    /// <summary>The position of the largest element of each lane; 0 where the lane has seen none.</summary>
    public Int64Lanes Lanes { get; private set; }

    /// <summary>Considers the first <paramref name="count"/> lanes where the condition holds.</summary>
    public void Add(V value, Int64Lanes position, V condition, int count)
    {
        var isLarger = ~found | V.Less(best, value) | (~V.Equal(value, value) & V.Equal(best, best));
        isLarger &= condition;
        if (count < V.Count)
            isLarger &= V.FirstLanes(count);
        best = V.Where(isLarger, value, best);
        Lanes = Int64Lanes.Where(V.ToCondition(isLarger), position, Lanes);
        found |= isLarger;
    }

    /// <summary>The position of the largest element of all lanes, and whether there was any.</summary>
    public readonly long First => Winner(out _);

    /// <summary>Leaves the largest element and its position as a block's partial result.</summary>
    public readonly void WriteTo(ref BlockPartial partial)
    {
        partial.Position = Winner(out var lane);
        partial.Value = lane < 0 ? 0 : Number(V.Element(best, lane));
        partial.Error = lane < 0 ? 0 : 1;
    }

    internal static bool IsBefore(double value, long position, double other, long otherPosition)
    {
        if (double.IsNaN(value) != double.IsNaN(other))
            return double.IsNaN(value);
        return value > other || ((value == other || double.IsNaN(value)) && position < otherPosition);
    }

    private static double Number(T value) => typeof(T) == typeof(float) ? Unsafe.BitCast<T, float>(value) : Unsafe.BitCast<T, double>(value);

    private readonly long Winner(out int winner)
    {
        winner = -1;
        var seen = V.ToCondition(found);
        for (var lane = 0; lane < V.Count; lane++)
        {
            if (seen[lane] != 0
                && (winner < 0 || IsBefore(Number(V.Element(best, lane)), Lanes[lane], Number(V.Element(best, winner)), Lanes[winner])))
                winner = lane;
        }

        return winner < 0 ? 0 : Lanes[winner];
    }
}
