using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dpo.Autodiff.Cpu;

/// <summary>16-bit elements in memory as the low halves of 32-bit lanes, for each width.</summary>
internal static unsafe class HalfMemory
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<uint> Load512(ref readonly ushort source, nint index)
    {
        var narrow = Vector256.LoadUnsafe(in source, (nuint)index);
        if (Avx512F.IsSupported)
            return Avx512F.ConvertToVector512Int32(narrow).AsUInt32();
        var (low, high) = Vector256.Widen(narrow);
        return Vector512.Create(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<uint> Load256(ref readonly ushort source, nint index)
    {
        var narrow = Vector128.LoadUnsafe(in source, (nuint)index);
        if (Avx2.IsSupported)
            return Avx2.ConvertToVector256Int32(narrow).AsUInt32();
        var (low, high) = Vector128.Widen(narrow);
        return Vector256.Create(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<uint> Load128(ref readonly ushort source, nint index) =>
        Vector128.WidenLower(Vector64.LoadUnsafe(in source, (nuint)index).ToVector128Unsafe());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store(Vector512<uint> lanes, ref ushort target, nint index, bool streaming)
    {
        var narrow = Avx512F.IsSupported ? Avx512F.ConvertToVector256UInt16(lanes) : Vector256.Narrow(lanes.GetLower(), lanes.GetUpper());
        if (streaming)
            narrow.StoreAlignedNonTemporal((ushort*)Unsafe.AsPointer(ref Unsafe.Add(ref target, index)));
        else
            narrow.StoreUnsafe(ref target, (nuint)index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store(Vector256<uint> lanes, ref ushort target, nint index, bool streaming)
    {
        // Nothing is above 16 bits, so saturation has nothing to do.
        var narrow = Sse41.IsSupported
            ? Sse41.PackUnsignedSaturate(lanes.GetLower().AsInt32(), lanes.GetUpper().AsInt32())
            : Vector128.Narrow(lanes.GetLower(), lanes.GetUpper());
        if (streaming)
            narrow.StoreAlignedNonTemporal((ushort*)Unsafe.AsPointer(ref Unsafe.Add(ref target, index)));
        else
            narrow.StoreUnsafe(ref target, (nuint)index);
    }

    // Eight bytes: no machine streams so few.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store(Vector128<uint> lanes, ref ushort target, nint index, bool streaming) =>
        Vector128.Narrow(lanes, lanes).GetLower().StoreUnsafe(ref target, (nuint)index);

    internal static Vector512<uint> LoadFirst512(ref readonly ushort source, nint index, int count)
    {
        var lanes = Vector512<uint>.Zero;
        Load(in source, index, (uint*)&lanes, count);
        return lanes;
    }

    internal static Vector256<uint> LoadFirst256(ref readonly ushort source, nint index, int count)
    {
        var lanes = Vector256<uint>.Zero;
        Load(in source, index, (uint*)&lanes, count);
        return lanes;
    }

    internal static Vector128<uint> LoadFirst128(ref readonly ushort source, nint index, int count)
    {
        var lanes = Vector128<uint>.Zero;
        Load(in source, index, (uint*)&lanes, count);
        return lanes;
    }

    internal static void StoreFirst(Vector512<uint> lanes, ref ushort target, nint index, int count)
    {
        for (var lane = 0; lane < count; lane++)
            Unsafe.Add(ref target, index + lane) = (ushort)lanes.GetElement(lane);
    }

    internal static void StoreFirst(Vector256<uint> lanes, ref ushort target, nint index, int count)
    {
        for (var lane = 0; lane < count; lane++)
            Unsafe.Add(ref target, index + lane) = (ushort)lanes.GetElement(lane);
    }

    internal static void StoreFirst(Vector128<uint> lanes, ref ushort target, nint index, int count)
    {
        for (var lane = 0; lane < count; lane++)
            Unsafe.Add(ref target, index + lane) = (ushort)lanes.GetElement(lane);
    }

    private static void Load(ref readonly ushort source, nint index, uint* lanes, int count)
    {
        for (var lane = 0; lane < count; lane++)
            lanes[lane] = Unsafe.Add(ref Unsafe.AsRef(in source), index + lane);
    }
}
