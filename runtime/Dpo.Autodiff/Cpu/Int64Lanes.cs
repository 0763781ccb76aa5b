using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// Whole numbers beside a vector: up to 16 lanes of int64, of which a vector of fewer lanes uses the first. Integer expressions are
/// computed here exactly. Conditions are all bits of a lane, or none.
/// </summary>
public readonly struct Int64Lanes
{
    /// <summary>The number of lanes kept.</summary>
    public const int Capacity = 16;

    internal readonly Vector512<long> Low;
    internal readonly Vector512<long> High;

    internal Int64Lanes(Vector512<long> low, Vector512<long> high)
    {
        Low = low;
        High = high;
    }

    /// <summary>Every lane the number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes Create(long value) => new(Vector512.Create(value), Vector512.Create(value));

    /// <summary>Lanes <paramref name="start"/>, start + step, ...: a loop variable's value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes Sequence(long start, long step = 1) => new(
        Vector512.Create(start) + (Vector512.Create(0L, 1, 2, 3, 4, 5, 6, 7) * step),
        Vector512.Create(start) + (Vector512.Create(8L, 9, 10, 11, 12, 13, 14, 15) * step));

    /// <summary>The condition that holds in the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes FirstLanes(int count) => Less(Sequence(0), Create(count));

    /// <summary>Elements from <paramref name="index"/> on; lanes from <paramref name="count"/> on are 0.</summary>
    public static Int64Lanes Load(ref readonly long source, nint index, int count)
    {
        if (count >= Capacity)
            return new(Vector512.LoadUnsafe(in source, (nuint)index), Vector512.LoadUnsafe(in source, (nuint)(index + 8)));
        if (count == 8)
            return new(Vector512.LoadUnsafe(in source, (nuint)index), default);
        var lanes = default(Int64Lanes);
        ref var first = ref Unsafe.As<Int64Lanes, long>(ref lanes);
        for (var lane = 0; lane < count; lane++)
            Unsafe.Add(ref first, lane) = Unsafe.Add(ref Unsafe.AsRef(in source), index + lane);
        return lanes;
    }

    /// <summary>The first <paramref name="count"/> lanes, written from <paramref name="index"/> on.</summary>
    public static void Store(Int64Lanes value, ref long target, nint index, int count)
    {
        count = Math.Min(count, Capacity);
        for (var lane = 0; lane < count; lane++)
            Unsafe.Add(ref target, index + lane) = value[lane];
    }

    /// <summary>One lane.</summary>
    public long this[int lane] => Unsafe.Add(ref Unsafe.As<Int64Lanes, long>(ref Unsafe.AsRef(in this)), lane);

    /// <summary>Lane by lane, modulo 2^64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes operator +(Int64Lanes left, Int64Lanes right) => new(left.Low + right.Low, left.High + right.High);

    /// <summary>Lane by lane, modulo 2^64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes operator -(Int64Lanes left, Int64Lanes right) => new(left.Low - right.Low, left.High - right.High);

    /// <summary>Lane by lane, modulo 2^64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes operator *(Int64Lanes left, Int64Lanes right) => new(left.Low * right.Low, left.High * right.High);

    /// <summary>Lane by lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes operator -(Int64Lanes value) => new(-value.Low, -value.High);

    /// <summary>Bitwise: the conjunction of conditions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes operator &(Int64Lanes left, Int64Lanes right) => new(left.Low & right.Low, left.High & right.High);

    /// <summary>Bitwise: the disjunction of conditions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes operator |(Int64Lanes left, Int64Lanes right) => new(left.Low | right.Low, left.High | right.High);

    /// <summary>Bitwise: the negation of a condition.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes operator ~(Int64Lanes value) => new(~value.Low, ~value.High);

    /// <summary>Equality, as a condition.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes Equal(Int64Lanes left, Int64Lanes right) => new(Vector512.Equals(left.Low, right.Low), Vector512.Equals(left.High, right.High));

    /// <summary>Less than, as a condition.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes Less(Int64Lanes left, Int64Lanes right) => new(Vector512.LessThan(left.Low, right.Low), Vector512.LessThan(left.High, right.High));

    /// <summary>Less than or equal, as a condition.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes LessOrEqual(Int64Lanes left, Int64Lanes right) => ~Less(right, left);

    /// <summary>The smaller.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes Min(Int64Lanes left, Int64Lanes right) => new(Vector512.Min(left.Low, right.Low), Vector512.Min(left.High, right.High));

    /// <summary>The larger.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes Max(Int64Lanes left, Int64Lanes right) => new(Vector512.Max(left.Low, right.Low), Vector512.Max(left.High, right.High));

    /// <summary>The magnitude.</summary>
    public static Int64Lanes Abs(Int64Lanes value) => Where(Less(value, default), -value, value);

    /// <summary>-1, 0 or 1.</summary>
    public static Int64Lanes Sign(Int64Lanes value) => Less(value, default) - Less(default, value);

    /// <summary>Lane by lane, wrapped to the width of a dtype: 8, 16 or 32 bits.</summary>
    public static Int64Lanes Wrap(Int64Lanes value, int bits) => new((value.Low << (64 - bits)) >> (64 - bits), (value.High << (64 - bits)) >> (64 - bits));

    /// <summary>Lanes of <paramref name="whenTrue"/> where the condition holds, of <paramref name="whenFalse"/> elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes Where(Int64Lanes condition, Int64Lanes whenTrue, Int64Lanes whenFalse) => new(
        Vector512.ConditionalSelect(condition.Low, whenTrue.Low, whenFalse.Low),
        Vector512.ConditionalSelect(condition.High, whenTrue.High, whenFalse.High));

    /// <summary>Whether a condition holds in any lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyLane(Int64Lanes condition) => (condition.Low | condition.High) != Vector512<long>.Zero;

    /// <summary>Whether lanes from 0 to <paramref name="count"/> - 1 are all at least 0 and below <paramref name="extent"/>.</summary>
    public static bool InRange(Int64Lanes value, long extent, int count)
    {
        var limit = Vector512.Create((ulong)extent);
        var outside = new Int64Lanes(
            Vector512.GreaterThanOrEqual(value.Low.AsUInt64(), limit).AsInt64(), Vector512.GreaterThanOrEqual(value.High.AsUInt64(), limit).AsInt64());
        return !AnyLane(count >= Capacity ? outside : outside & FirstLanes(count));
    }
}
