using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>Memory whose places are found by index, lane by lane and in order. A lane whose index is negative touches nothing, and reads 0.</summary>
public static class LaneMemory
{
    /// <summary>The whole numbers at <paramref name="indices"/>, in the first <paramref name="count"/> lanes.</summary>
    public static Int64Lanes Gather(ref readonly long source, Int64Lanes indices, int count)
    {
        var lanes = default(Int64Lanes);
        ref var first = ref Unsafe.As<Int64Lanes, long>(ref lanes);
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
                Unsafe.Add(ref first, lane) = Unsafe.Add(ref Unsafe.AsRef(in source), (nint)index);
        }

        return lanes;
    }

    /// <summary>The conditions at <paramref name="indices"/>, in the first <paramref name="count"/> lanes.</summary>
    public static V Gather<T, V>(ref readonly byte source, Int64Lanes indices, int count)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var lanes = default(Int64Lanes);
        ref var first = ref Unsafe.As<Int64Lanes, long>(ref lanes);
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0 && Unsafe.Add(ref Unsafe.AsRef(in source), (nint)index) != 0)
                Unsafe.Add(ref first, lane) = -1;
        }

        return V.FromCondition(lanes);
    }

    /// <summary>Writes the first <paramref name="count"/> lanes to their places.</summary>
    public static void Scatter<T, V>(V value, ref T target, Int64Lanes indices, int count)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
                Unsafe.Add(ref target, (nint)index) = V.Element(value, lane);
        }
    }

    /// <summary>Writes the first <paramref name="count"/> lanes to their places.</summary>
    public static void Scatter(Int64Lanes value, ref long target, Int64Lanes indices, int count)
    {
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
                Unsafe.Add(ref target, (nint)index) = value[lane];
        }
    }

    /// <summary>Writes the conditions of the first <paramref name="count"/> lanes to their places.</summary>
    public static void Scatter<T, V>(V condition, ref byte target, Int64Lanes indices, int count)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var lanes = V.ToCondition(condition);
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
                Unsafe.Add(ref target, (nint)index) = lanes[lane] != 0 ? (byte)1 : (byte)0;
        }
    }

    /// <summary>Adds the first <paramref name="count"/> lanes to their places, of which several may be the same.</summary>
    public static void ScatterAdd<T, V>(V value, ref T target, Int64Lanes indices, int count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
                Unsafe.Add(ref target, (nint)index) += V.Element(value, lane);
        }
    }

    /// <summary>Adds the first <paramref name="count"/> lanes to their places, of which several may be the same.</summary>
    public static void ScatterAdd(Int64Lanes value, ref long target, Int64Lanes indices, int count)
    {
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
            {
                ref var place = ref Unsafe.Add(ref target, (nint)index);
                place = unchecked(place + value[lane]);
            }
        }
    }

    /// <summary>Leaves the larger of the first <paramref name="count"/> lanes and what is at their places; NaN stays.</summary>
    public static void ScatterMax<T, V>(V value, ref T target, Int64Lanes indices, int count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
            {
                ref var place = ref Unsafe.Add(ref target, (nint)index);
                place = T.Max(place, V.Element(value, lane));
            }
        }
    }

    /// <summary>Leaves the smaller of the first <paramref name="count"/> lanes and what is at their places; NaN stays.</summary>
    public static void ScatterMin<T, V>(V value, ref T target, Int64Lanes indices, int count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
            {
                ref var place = ref Unsafe.Add(ref target, (nint)index);
                place = T.Min(place, V.Element(value, lane));
            }
        }
    }

    /// <summary>Makes the places true of which a condition among the first <paramref name="count"/> lanes holds.</summary>
    public static void ScatterAny<T, V>(V condition, ref byte target, Int64Lanes indices, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> =>
        Scatter<T, V>(V.Condition(true), ref target, Int64Lanes.Where(V.ToCondition(condition), indices, Int64Lanes.Create(-1)), count);

    /// <summary>Makes the places false of which a condition among the first <paramref name="count"/> lanes does not hold.</summary>
    public static void ScatterAll<T, V>(V condition, ref byte target, Int64Lanes indices, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> =>
        Scatter<T, V>(V.Condition(false), ref target, Int64Lanes.Where(V.ToCondition(condition), Int64Lanes.Create(-1), indices), count);

    /// <summary>Leaves the larger of the first <paramref name="count"/> lanes and what is at their places.</summary>
    public static void ScatterMax(Int64Lanes value, ref long target, Int64Lanes indices, int count)
    {
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
            {
                ref var place = ref Unsafe.Add(ref target, (nint)index);
                place = Math.Max(place, value[lane]);
            }
        }
    }

    /// <summary>Leaves the smaller of the first <paramref name="count"/> lanes and what is at their places.</summary>
    public static void ScatterMin(Int64Lanes value, ref long target, Int64Lanes indices, int count)
    {
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            if (index >= 0)
            {
                ref var place = ref Unsafe.Add(ref target, (nint)index);
                place = Math.Min(place, value[lane]);
            }
        }
    }

    /// <summary>Every element the same.</summary>
    public static void Fill<TElement>(ref TElement first, nint length, TElement value)
        where TElement : unmanaged
    {
        for (nint done = 0; done < length; done += int.MaxValue)
            MemoryMarshal.CreateSpan(ref Unsafe.Add(ref first, done), (int)nint.Min(length - done, int.MaxValue)).Fill(value);
    }
}
