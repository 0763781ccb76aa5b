using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// Lanes of float from and to 16-bit numbers, which lie in the low bits of their lanes. To 16 bits they are rounded to nearest, ties to
/// even; what is too large becomes infinite, and NaN stays NaN.
/// </summary>
internal static class HalfPrecision
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V FromBFloat16<T, V>(V bits)
        where T : unmanaged
        where V : struct, IVector<V, T> => V.ShiftLeft(bits, 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V ToBFloat16<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        var isOdd = V.ShiftRight(value, 16) & Bits<T, V>(1);
        var rounded = V.AddBits(V.AddBits(value, Bits<T, V>(0x7FFF)), isOdd);
        return V.Where(V.Equal(value, value), V.ShiftRight(rounded, 16), Bits<T, V>(0x7FC0));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V FromFloat16<T, V>(V bits)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        const uint Rebias = (127 - 15) << 23;
        const uint LeastNormal = Rebias + (1 << 23);
        var magnitude = V.ShiftLeft(bits & Bits<T, V>(0x7FFF), 13);
        var sign = V.ShiftLeft(bits & Bits<T, V>(0x8000), 16);

        // The largest exponent is infinity's and NaN's: it becomes float's largest.
        var isFinite = V.Less(magnitude, Bits<T, V>(0x7C00 << 13));
        var normal = V.AddBits(magnitude, V.Where(isFinite, Bits<T, V>(Rebias), Bits<T, V>(2 * Rebias)));

        // Without the implicit bit: added to the least normal number, and the implicit bit that this brings taken away.
        var subnormal = V.AddBits(magnitude, Bits<T, V>(LeastNormal)) - Bits<T, V>(LeastNormal);
        return V.Where(V.Less(magnitude, Bits<T, V>(1 << 23)), subnormal, normal) | sign;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V ToFloat16<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        // Overflow becomes infinite in the first product; four times the magnitude is left.
        var scaled = V.Abs(value) * 5192296858534827628530496329220096.0 * 7.70371977754894341222391177033970127e-34;

        // Added to a number whose last place is half precision's last place at this magnitude: the adder rounds.
        var exponent = value & Bits<T, V>(0x7F800000);
        exponent = V.Where(V.Less(exponent, Bits<T, V>(0x38800000)), Bits<T, V>(0x38800000), exponent);
        var sum = V.AddBits(exponent, Bits<T, V>(0x07800000)) + scaled;
        var magnitude = V.AddBits(V.ShiftRight(sum, 13) & Bits<T, V>(0x7C00), sum & Bits<T, V>(0x0FFF));
        var sign = V.ShiftRight(value & Bits<T, V>(0x80000000), 16);
        return V.Where(V.Equal(value, value), magnitude, Bits<T, V>(0x7E00)) | sign;
    }

    /// <summary>One number.</summary>
    internal static float FromBFloat16(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>One number.</summary>
    internal static ushort ToBFloat16(float value)
    {
        if (float.IsNaN(value))
            return 0x7FC0;
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Bits<T, V>(uint bits)
        where T : unmanaged
        where V : struct, IVector<V, T> => V.Broadcast(Unsafe.BitCast<float, T>(BitConverter.UInt32BitsToSingle(bits)));
}

/// <summary>A 16-bit format of numbers.</summary>
internal interface IHalfFormat
{
    /// <summary>Its name among the storages.</summary>
    static abstract StorageType Storage { get; }

    /// <summary>Lanes of float from lanes of bits.</summary>
    static abstract V Widen<T, V>(V bits)
        where T : unmanaged
        where V : struct, IVector<V, T>;

    /// <summary>Lanes of bits from lanes of float.</summary>
    static abstract V Narrow<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T>;
}

/// <summary>float32 without its lower half.</summary>
internal readonly struct BFloat16Format : IHalfFormat
{
    public static StorageType Storage => StorageType.BFloat16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Widen<T, V>(V bits)
        where T : unmanaged
        where V : struct, IVector<V, T> => HalfPrecision.FromBFloat16<T, V>(bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Narrow<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T> => HalfPrecision.ToBFloat16<T, V>(value);
}

/// <summary>binary16 of IEEE 754.</summary>
internal readonly struct Float16Format : IHalfFormat
{
    public static StorageType Storage => StorageType.Float16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Widen<T, V>(V bits)
        where T : unmanaged
        where V : struct, IVector<V, T> => HalfPrecision.FromFloat16<T, V>(bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Narrow<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T> => HalfPrecision.ToFloat16<T, V>(value);
}
