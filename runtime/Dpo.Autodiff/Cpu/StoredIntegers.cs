using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>A tensor's whole numbers as they are in memory: kernels read them as int64, whatever the tensor's dtype.</summary>
public readonly unsafe struct StoredIntegers
{
    private readonly KernelBuffer buffer;

    internal StoredIntegers(KernelBuffer buffer) => this.buffer = buffer;

    /// <summary>One element.</summary>
    public long this[nint index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => buffer.Storage == StorageType.Own ? ((long*)buffer.Address)[index] : StoredMemory.Read<long>(buffer, index);
    }

    /// <summary>Elements from <paramref name="index"/> on; lanes from <paramref name="count"/> on are 0.</summary>
    public Int64Lanes Load(nint index, int count) => buffer.Storage == StorageType.Own
        ? Int64Lanes.Load(ref *(long*)buffer.Address, index, count)
        : StoredMemory.Gather(buffer, Int64Lanes.Sequence(index), count);

    /// <summary>The elements at <paramref name="indices"/>, in the first <paramref name="count"/> lanes; 0 in the others, and where the index is negative.</summary>
    public Int64Lanes Gather(Int64Lanes indices, int count) => buffer.Storage == StorageType.Own
        ? LaneMemory.Gather(ref *(long*)buffer.Address, indices, count)
        : StoredMemory.Gather(buffer, indices, count);
}
