using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// The form in which a stage's vector loops run: how many lanes an iteration fills, and what the rows of its largest tensors are in
/// memory, numbers of the compute type unless it says otherwise. A stage is compiled once for each form that it is run in, so that nothing
/// about it is left to be asked inside the loops.
/// </summary>
/// <remarks>A row that is in memory as another type is still named by a reference of the compute type, of which only the address counts.</remarks>
public unsafe interface ILoopForm
{
    /// <summary>The lanes of the next vector.</summary>
    /// <param name="left">The iterations that are left.</param>
    /// <param name="width">The lanes of a vector.</param>
    static abstract int Of(nint left, int width);

    /// <summary>What the elements of the rows are.</summary>
    static virtual StorageType Storage => StorageType.Own;

    /// <summary>The elements from <paramref name="index"/> on in the first <paramref name="count"/> lanes; 0 in the others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual V Load<T, V>(ref readonly T row, nint index, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> => V.Load(in row, index, count);

    /// <summary>As the other; a lane in which the condition does not hold is not read, and 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual V Load<T, V>(ref readonly T row, nint index, int count, V condition)
        where T : unmanaged
        where V : struct, IVector<V, T> => V.Load(in row, index, count, condition);

    /// <summary>Writes the first <paramref name="count"/> lanes, rounded to nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual void Store<T, V>(V value, ref T row, nint index, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> => V.Store(value, ref row, index, count);

    /// <summary>As the other, past the cache where <paramref name="streaming"/>: the row must begin where a vector may.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual void Store<T, V>(V value, ref T row, nint index, int count, bool streaming)
        where T : unmanaged
        where V : struct, IVector<V, T> => V.Store(value, ref row, index, count, streaming);

    /// <summary>Brings the element's line into the cache, some time; nothing where the machine cannot be asked to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual void Prefetch<T>(ref readonly T row, nint index)
        where T : unmanaged
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(Unsafe.AsPointer(ref Unsafe.Add(ref Unsafe.AsRef(in row), index)));
    }
}
