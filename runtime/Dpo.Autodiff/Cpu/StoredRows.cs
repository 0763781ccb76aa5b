using System.Numerics;
using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// Rows of a tensor that a kernel's inner loops run over, as memory of the compute type: the tensor's own where that is its dtype;
/// elsewhere a row's worth of workspace, which stays in the cache, that the row is converted into before it is read, or out of after it
/// was written. What is written is rounded once, to nearest, ties to even.
/// </summary>
/// <remarks>
/// One kernel serves every dtype, at full speed for its own: a loop that asked at each access, however predictably, would lose more than
/// the conversion of a row costs, and a kernel for each combination of dtypes would be a family of them.
/// </remarks>
/// <typeparam name="T">The compute type.</typeparam>
public readonly unsafe struct StoredRows<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly KernelBuffer buffer;
    private readonly T* converted;
    private readonly nint length;
    private readonly bool streams;

    internal StoredRows(KernelBuffer buffer, nint length, bool streams)
    {
        this.buffer = buffer;
        this.length = length;
        this.streams = streams;
        if (buffer.Storage != StorageType.Own)
            converted = (T*)Workspace.Current.Take(checked(length * sizeof(T)));
    }

    /// <summary>The row that begins at element <paramref name="start"/>, to be read until the next is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref T Read<V>(nint start)
        where V : struct, IVector<V, T>
    {
        if (converted is null)
            return ref *((T*)buffer.Address + start);
        return ref *StoredMemory.Row<T, V>(buffer, start, converted, length);
    }

    /// <summary>The row that begins at element <paramref name="start"/>, to be written whole.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref T Write(nint start)
    {
        if (converted is null)
            return ref *((T*)buffer.Address + start);
        return ref *converted;
    }

    /// <summary>The row that begins at element <paramref name="start"/> has been written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Flush<V>(nint start)
        where V : struct, IVector<V, T>
    {
        if (converted is not null)
            StoredMemory.WriteRow<T, V>(converted, buffer, start, length, streams);
    }
}
