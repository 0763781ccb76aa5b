using System.Numerics;
using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// A tensor's numbers as they are in memory, one by one: kernels read and write them as <typeparamref name="T"/>, whatever the tensor's
/// dtype. What is written is rounded once, to nearest, ties to even. For whole rows there is <see cref="StoredRows{T}"/>.
/// </summary>
/// <typeparam name="T">The compute type.</typeparam>
public readonly unsafe struct StoredReals<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly KernelBuffer buffer;

    internal StoredReals(KernelBuffer buffer) => this.buffer = buffer;

    /// <summary>Element <paramref name="index"/>, in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Broadcast<V>(nint index)
        where V : struct, IVector<V, T> =>
        V.Broadcast(buffer.Storage == StorageType.Own ? ((T*)buffer.Address)[index] : StoredMemory.Read<T>(buffer, index));

    /// <summary>The elements at <paramref name="indices"/>, in the first <paramref name="count"/> lanes; 0 in the others, and where the index is negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Gather<V>(Int64Lanes indices, int count)
        where V : struct, IVector<V, T> => buffer.Storage == StorageType.Own
        ? V.Gather(ref *(T*)buffer.Address, indices, count)
        : StoredMemory.Gather<T, V>(buffer, indices, count);

    /// <summary>Element <paramref name="index"/>, written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(nint index, T value)
    {
        if (buffer.Storage == StorageType.Own)
            ((T*)buffer.Address)[index] = value;
        else
            StoredMemory.Write(buffer, index, value);
    }

    /// <summary>The first <paramref name="count"/> lanes, written to their places; nothing where the index is negative.</summary>
    public void Scatter<V>(V value, Int64Lanes indices, int count)
        where V : struct, IVector<V, T>
    {
        if (buffer.Storage == StorageType.Own)
            LaneMemory.Scatter<T, V>(value, ref *(T*)buffer.Address, indices, count);
        else
            StoredMemory.Scatter<T, V>(value, buffer, indices, count);
    }
}
