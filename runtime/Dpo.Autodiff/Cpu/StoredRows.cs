using System.Numerics;
using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// Rows of a tensor that a kernel's inner loops run over, in the form that the loops take: the tensor's own memory where that is its
/// dtype; elsewhere a row's worth of workspace, which stays in the cache, that the row is converted into before it is read, or out of
/// after it was written. What is written is rounded once, to nearest, ties to even.
/// </summary>
/// <remarks>
/// One kernel serves every dtype: at full speed where the large tensors are all of the compute type, or all bfloat16 or float16, and at
/// the price of converting rows where they are mixed. A kernel for each combination of dtypes would be a family of them.
/// </remarks>
/// <typeparam name="T">The compute type.</typeparam>
public readonly unsafe struct StoredRows<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly KernelBuffer buffer;
    private readonly T* converted;
    private readonly nint length;
    private readonly nint bytes;
    private readonly StorageType form;
    private readonly bool streams;

    internal StoredRows(KernelBuffer buffer, nint length, bool streams, StorageType form)
    {
        this.buffer = buffer;
        this.length = length;
        this.streams = streams;
        this.form = form;
        bytes = StoredMemory.Bytes(form, sizeof(T));
        // A gradient that nobody asked for has no memory, and its rows are not written.
        if (buffer.Storage != form && buffer.Address != 0)
            converted = (T*)Workspace.Current.Take(checked(length * sizeof(T)));
    }

    /// <summary>The row that begins at element <paramref name="start"/>, to be read until the next is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref T Read<V>(nint start)
        where V : struct, IVector<V, T>
    {
        if (converted is null)
            return ref *(T*)(buffer.Address + (start * bytes));
        return ref *StoredMemory.Row<T, V>(buffer, start, converted, length, form);
    }

    /// <summary>The row that begins at element <paramref name="start"/>, which was the last to be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref T Again(nint start) => ref Write(start);

    /// <summary>The row that begins at element <paramref name="start"/>, to be written whole.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref T Write(nint start)
    {
        if (converted is null)
            return ref *(T*)(buffer.Address + (start * bytes));
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
