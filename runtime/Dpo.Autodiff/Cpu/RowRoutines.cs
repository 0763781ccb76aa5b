using System.Numerics;
using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>What a row does as a whole, in order: sorts and scans. Rows have a stride; a scan may run from its end.</summary>
public static unsafe class RowRoutines
{
    /// <summary>
    /// The elements in order and the permutation that sorts them; equal elements keep their order, and NaN is the largest, as in torch.
    /// </summary>
    public static void Sort<T>(
        ref readonly T source, nint sourceStride, ref T values, nint valuesStride, ref long permutation, nint permutationStride, nint length, bool descending)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var workspace = Workspace.Current;
        var mark = workspace.Mark();
        var keys = new Span<ulong>(workspace.Take(length * sizeof(ulong)), checked((int)length));
        for (var i = 0; i < keys.Length; i++)
        {
            var key = Key(At(in source, i * sourceStride));
            keys[i] = descending ? ~key : key;
        }

        Order(keys, ref permutation, permutationStride, workspace);

        // The source may be where the values go.
        var sorted = new Span<T>(workspace.Take(length * sizeof(T)), keys.Length);
        for (var i = 0; i < sorted.Length; i++)
            sorted[i] = At(in source, (nint)At(in permutation, i * permutationStride) * sourceStride);
        for (var i = 0; i < sorted.Length; i++)
            At(in values, i * valuesStride) = sorted[i];
        workspace.Release(mark);
    }

    /// <summary>As the other, for whole numbers.</summary>
    public static void Sort(
        ref readonly long source, nint sourceStride, ref long values, nint valuesStride, ref long permutation, nint permutationStride, nint length, bool descending)
    {
        var workspace = Workspace.Current;
        var mark = workspace.Mark();
        var keys = new Span<ulong>(workspace.Take(length * sizeof(ulong)), checked((int)length));
        for (var i = 0; i < keys.Length; i++)
        {
            var key = (ulong)At(in source, i * sourceStride) ^ (1UL << 63);
            keys[i] = descending ? ~key : key;
        }

        Order(keys, ref permutation, permutationStride, workspace);
        for (var i = 0; i < keys.Length; i++)
            At(in values, i * valuesStride) = (long)((descending ? ~keys[i] : keys[i]) ^ (1UL << 63));
        workspace.Release(mark);
    }

    /// <summary>Sums of the elements so far.</summary>
    public static void CumSum<T>(ref readonly T source, nint sourceStride, ref T target, nint targetStride, nint length, bool reverse)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var total = default(BlockPartial);
        for (nint i = 0; i < length; i++)
        {
            var place = reverse ? length - 1 - i : i;
            total.Add(double.CreateTruncating(At(in source, place * sourceStride)));
            At(in target, place * targetStride) = T.CreateTruncating(total.Sum);
        }
    }

    /// <summary>Sums of the whole numbers so far, modulo 2^64.</summary>
    public static void CumSum(ref readonly long source, nint sourceStride, ref long target, nint targetStride, nint length, bool reverse)
    {
        var total = 0L;
        for (nint i = 0; i < length; i++)
        {
            var place = reverse ? length - 1 - i : i;
            total = unchecked(total + At(in source, place * sourceStride));
            At(in target, place * targetStride) = total;
        }
    }

    /// <summary>log(sum(exp(x))) of the elements so far, shifted by their largest.</summary>
    public static void LogCumSumExp<T>(ref readonly T source, nint sourceStride, ref T target, nint targetStride, nint length, bool reverse)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var largest = double.NegativeInfinity;
        var sum = default(BlockPartial);
        for (nint i = 0; i < length; i++)
        {
            var place = reverse ? length - 1 - i : i;
            var x = double.CreateTruncating(At(in source, place * sourceStride));
            if (x > largest)
            {
                var scale = Math.Exp(largest - x);
                sum.Value *= scale;
                sum.Error *= scale;
                largest = x;
            }

            // An infinite largest element, of either sign, is its own distance from itself.
            if (x == largest || double.IsNaN(x))
                sum.Add(double.IsNaN(x) ? x : 1);
            else
                sum.Add(Math.Exp(x - largest));
            var result = double.IsInfinity(largest) && !double.IsNaN(sum.Value) ? largest : largest + Math.Log(sum.Sum);
            At(in target, place * targetStride) = T.CreateTruncating(result);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref TElement At<TElement>(ref readonly TElement first, nint index) => ref Unsafe.Add(ref Unsafe.AsRef(in first), index);

    // Order of the keys is order of the elements: both zeros are one, and every NaN is above infinity.
    private static ulong Key<T>(T value)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (T.IsNaN(value))
            return ulong.MaxValue - 1;
        var bits = BitConverter.DoubleToUInt64Bits(double.CreateTruncating(value) + 0.0);
        return (bits >> 63) != 0 ? ~bits : bits | (1UL << 63);
    }

    private static void Order(Span<ulong> keys, ref long permutation, nint stride, Workspace workspace)
    {
        var places = new Span<long>(workspace.Take(keys.Length * sizeof(long)), keys.Length);
        for (var i = 0; i < places.Length; i++)
            places[i] = i;
        keys.Sort(places);

        // The sort is not stable: equal keys are put back into their order.
        for (var begin = 0; begin < keys.Length;)
        {
            var end = begin + 1;
            while (end < keys.Length && keys[end] == keys[begin])
                end++;
            if (end - begin > 1)
                places[begin..end].Sort();
            begin = end;
        }

        for (var i = 0; i < places.Length; i++)
            At(in permutation, i * stride) = places[i];
    }
}
