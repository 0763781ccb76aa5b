namespace Dpo.Autodiff.Cpu;

/// <summary>A tensor whose rows lie apart in memory: a slice, a transpose, an expansion. Elements are found by their place in order.</summary>
internal unsafe struct StridedTensor
{
    private const int MostAxes = 8;

    private fixed long sizes[MostAxes];
    private fixed long strides[MostAxes];
    private int axes;

    /// <param name="data">The first element.</param>
    /// <param name="storage">What the elements are.</param>
    internal StridedTensor(nint data, StorageType storage)
    {
        Data = data;
        Storage = storage;
    }

    /// <summary>The first element.</summary>
    internal nint Data { get; }

    /// <summary>What the elements are.</summary>
    internal StorageType Storage { get; }

    /// <summary>Adds an axis inside the others; false where there is no room for it.</summary>
    internal bool TryAdd(long size, long stride)
    {
        if (axes == MostAxes)
            return false;
        sizes[axes] = size;
        strides[axes++] = stride;
        return true;
    }

    /// <summary>How far from the first element in memory the element is that is <paramref name="index"/>th in order.</summary>
    internal readonly nint Offset(nint index)
    {
        var offset = 0L;
        for (var axis = axes - 1; axis >= 0; axis--)
        {
            (var rest, var place) = Math.DivRem(index, sizes[axis]);
            offset += place * strides[axis];
            index = (nint)rest;
        }

        return (nint)offset;
    }
}
