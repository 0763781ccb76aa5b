using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Dpo.Autodiff.Cpu;

/// <summary>Every vector is full: the number of iterations is a multiple of the vector's lanes.</summary>
public readonly struct AllLanes : ILoopForm
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Of(nint left, int width) => width;
}

/// <summary>The last vector has the lanes that are left.</summary>
public readonly struct LanesLeft : ILoopForm
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Of(nint left, int width) => (int)nint.Min(left, width);
}

/// <summary>Rows of 16-bit numbers, converted in registers.</summary>
/// <typeparam name="TLanes">How many lanes each iteration fills.</typeparam>
/// <typeparam name="TFormat">The 16-bit format.</typeparam>
internal readonly struct HalfRows<TLanes, TFormat> : ILoopForm
    where TLanes : struct, ILoopForm
    where TFormat : struct, IHalfFormat
{
    public static StorageType Storage => TFormat.Storage;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Of(nint left, int width) => TLanes.Of(left, width);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<T, V>(ref readonly T row, nint index, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> => TFormat.Widen<T, V>(V.LoadUInt16(in Bits(in row), index, count));

    // Lane by lane: what the condition leaves out may not be there.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Load<T, V>(ref readonly T row, nint index, int count, V condition)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        Span<ushort> bits = stackalloc ushort[V.Count];
        bits.Clear();
        var holds = V.ToCondition(condition);
        for (var lane = 0; lane < count; lane++)
        {
            if (holds[lane] != 0)
                bits[lane] = Unsafe.Add(ref Bits(in row), index + lane);
        }

        return TFormat.Widen<T, V>(V.LoadUInt16(ref bits[0], 0, V.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T, V>(V value, ref T row, nint index, int count)
        where T : unmanaged
        where V : struct, IVector<V, T> => Store(value, ref row, index, count, streaming: false);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T, V>(V value, ref T row, nint index, int count, bool streaming)
        where T : unmanaged
        where V : struct, IVector<V, T> => V.StoreUInt16(TFormat.Narrow<T, V>(value), ref Bits(in row), index, count, streaming);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Prefetch<T>(ref readonly T row, nint index)
        where T : unmanaged
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(Unsafe.AsPointer(ref Unsafe.Add(ref Bits(in row), index)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref ushort Bits<T>(ref readonly T row)
        where T : unmanaged => ref Unsafe.As<T, ushort>(ref Unsafe.AsRef(in row));
}
