using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>Conditions in memory: one byte each, as torch keeps them.</summary>
internal static class ConditionBytes
{
    /// <summary>Bytes that are not zero, as all bits of an int64 lane.</summary>
    internal static Int64Lanes Load(ref readonly byte source, nint index, int count)
    {
        var lanes = default(Int64Lanes);
        ref var first = ref Unsafe.As<Int64Lanes, long>(ref lanes);
        for (var lane = 0; lane < count; lane++)
            Unsafe.Add(ref first, lane) = Unsafe.Add(ref Unsafe.AsRef(in source), index + lane) != 0 ? -1L : 0L;
        return lanes;
    }

    /// <summary>Lanes that are not zero, as bytes 1.</summary>
    internal static void Store(Int64Lanes condition, ref byte target, nint index, int count)
    {
        for (var lane = 0; lane < count; lane++)
            Unsafe.Add(ref target, index + lane) = condition[lane] != 0 ? (byte)1 : (byte)0;
    }
}
