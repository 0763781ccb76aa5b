using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>Numbers rounded to a narrower dtype and back: what a tensor's <c>to(dtype)</c> loses; and the largest of a dtype.</summary>
public static class Rounding
{
    /// <summary>Rounded to float32.</summary>
    public static V ToFloat32<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T> => typeof(T) == typeof(float) ? value : EachLane<T, V>(value, 0);

    /// <summary>Rounded to float16.</summary>
    public static V ToFloat16<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T> => EachLane<T, V>(value, 1);

    /// <summary>Rounded to bfloat16.</summary>
    public static V ToBFloat16<T, V>(V value)
        where T : unmanaged
        where V : struct, IVector<V, T> => EachLane<T, V>(value, 2);

    /// <summary>The largest finite number of the compute type.</summary>
    public static V Largest<T, V>()
        where T : unmanaged
        where V : struct, IVector<V, T> =>
        V.Broadcast(typeof(T) == typeof(float) ? Unsafe.BitCast<float, T>(float.MaxValue) : Unsafe.BitCast<double, T>(double.MaxValue));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V EachLane<T, V>(V value, int dtype)
        where T : unmanaged
        where V : struct, IVector<V, T>
    {
        Span<T> lanes = stackalloc T[16];
        for (var lane = 0; lane < V.Count; lane++)
        {
            var element = V.Element(value, lane);
            lanes[lane] = typeof(T) == typeof(float)
                ? Unsafe.BitCast<float, T>(Round(Unsafe.BitCast<T, float>(element), dtype))
                : Unsafe.BitCast<double, T>(dtype == 1 ? (double)(Half)Unsafe.BitCast<T, double>(element) : Round((float)Unsafe.BitCast<T, double>(element), dtype));
        }

        return V.Load(ref lanes[0], 0, V.Count);
    }

    private static float Round(float value, int dtype) => dtype switch
    {
        0 => value,
        1 => (float)(Half)value,
        _ => HalfPrecision.FromBFloat16(HalfPrecision.ToBFloat16(value)),
    };
}
