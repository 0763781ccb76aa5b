using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Dpo.Autodiff.Cpu;

/// <summary>Between the lanes of a vector and the same number of int64 lanes, for each width.</summary>
internal static class LaneConversion
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Int64Lanes Widen(Vector512<int> value)
    {
        var (low, high) = Vector512.Widen(value);
        return new(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Int64Lanes Widen(Vector256<int> value)
    {
        var (low, high) = Vector256.Widen(value);
        return new(Vector512.Create(low, high), default);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Int64Lanes Widen(Vector128<int> value)
    {
        var (low, high) = Vector128.Widen(value);
        return new(Vector256.Create(low, high).ToVector512(), default);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Int64Lanes Widen(Vector512<long> value) => new(value, default);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Int64Lanes Widen(Vector256<long> value) => new(value.ToVector512(), default);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Int64Lanes Widen(Vector128<long> value) => new(value.ToVector256().ToVector512(), default);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<int> Narrow512(Int64Lanes value) => Vector512.Narrow(value.Low, value.High);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<int> Narrow256(Int64Lanes value) => Vector256.Narrow(value.Low.GetLower(), value.Low.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<int> Narrow128(Int64Lanes value) =>
        Vector128.Narrow(value.Low.GetLower().GetLower(), value.Low.GetLower().GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<long> Take512(Int64Lanes value) => value.Low;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<long> Take256(Int64Lanes value) => value.Low.GetLower();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<long> Take128(Int64Lanes value) => value.Low.GetLower().GetLower();
}
