using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dpo.Autodiff.Cpu;

/// <summary>256 bits of <typeparamref name="T"/>.</summary>
/// <typeparam name="T">float or double.</typeparam>
public readonly unsafe struct V256<T> : IVector<V256<T>, T>
    where T : unmanaged
{
    private readonly Vector256<T> lanes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V256(Vector256<T> lanes) => this.lanes = lanes;

    /// <inheritdoc/>
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256<T>.Count;
    }

    /// <inheritdoc/>
    public static V256<T> LaneNumbers
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector256<T>.Indices);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator +(V256<T> left, V256<T> right) => new(left.lanes + right.lanes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator -(V256<T> left, V256<T> right) => new(left.lanes - right.lanes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator *(V256<T> left, V256<T> right) => new(left.lanes * right.lanes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator /(V256<T> left, V256<T> right) => new(left.lanes / right.lanes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator +(V256<T> left, double right) => typeof(T) == typeof(float)
        ? new((left.lanes.AsSingle() + Vector256.Create((float)right)).As<float, T>())
        : new((left.lanes.AsDouble() + Vector256.Create(right)).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator -(V256<T> left, double right) => typeof(T) == typeof(float)
        ? new((left.lanes.AsSingle() - Vector256.Create((float)right)).As<float, T>())
        : new((left.lanes.AsDouble() - Vector256.Create(right)).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator *(V256<T> left, double right) => typeof(T) == typeof(float)
        ? new((left.lanes.AsSingle() * Vector256.Create((float)right)).As<float, T>())
        : new((left.lanes.AsDouble() * Vector256.Create(right)).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator -(V256<T> value) => new(-value.lanes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator &(V256<T> left, V256<T> right) => new(left.lanes & right.lanes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator |(V256<T> left, V256<T> right) => new(left.lanes | right.lanes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator ^(V256<T> left, V256<T> right) => new(left.lanes ^ right.lanes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> operator ~(V256<T> value) => new(~value.lanes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Create(double value) => typeof(T) == typeof(float)
        ? new(Vector256.Create((float)value).As<float, T>())
        : new(Vector256.Create(value).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Broadcast(T value) => new(Vector256.Create(value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Condition(bool value) => new(value ? Vector256<T>.AllBitsSet : Vector256<T>.Zero);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> FirstLanes(int count) => new(typeof(T) == typeof(float)
        ? Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).As<int, T>()
        : Vector256.LessThan(Vector256<long>.Indices, Vector256.Create((long)count)).As<long, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> IsEqual(long first, long value)
    {
        // Among many vectors one has the lane: that is foreseen, and costs the others nothing.
        var lane = (ulong)value - (ulong)first;
        if (lane >= (ulong)Count)
            return default;
        return new(typeof(T) == typeof(float)
            ? Vector256.Equals(Vector256<int>.Indices, Vector256.Create((int)lane)).As<int, T>()
            : Vector256.Equals(Vector256<long>.Indices, Vector256.Create((long)lane)).As<long, T>());
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> IsLess(long first, long value) => FirstLanes(value <= first ? 0 : (int)Math.Min((ulong)value - (ulong)first, (ulong)Count));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> IsAtMost(long first, long value) => FirstLanes(value < first ? 0 : (int)Math.Min((ulong)value - (ulong)first, (ulong)(Count - 1)) + 1);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Load(ref readonly T source, nint index, int count) =>
        count >= Count ? new(Vector256.LoadUnsafe(in source, (nuint)index)) : LoadWhere(ref Unsafe.Add(ref Unsafe.AsRef(in source), index), FirstLanes(count));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Load(ref readonly T source, nint index, int count, V256<T> condition) =>
        LoadWhere(ref Unsafe.Add(ref Unsafe.AsRef(in source), index), count >= Count ? condition : condition & FirstLanes(count));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Broadcast(ref readonly T source, nint index) => new(Vector256.Create(Unsafe.Add(ref Unsafe.AsRef(in source), index)));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V256<T> value, ref T target, nint index, int count, V256<T> condition) =>
        StoreWhere(value, ref Unsafe.Add(ref target, index), count >= Count ? condition : condition & FirstLanes(count));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V256<T> value, ref T target, nint index, int count)
    {
        if (count >= Count)
            value.lanes.StoreUnsafe(ref target, (nuint)index);
        else
            StoreWhere(value, ref Unsafe.Add(ref target, index), FirstLanes(count));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V256<T> value, ref T target, nint index, int count, bool streaming)
    {
        if (streaming && count >= Count)
            value.lanes.StoreAlignedNonTemporal((T*)Unsafe.AsPointer(ref Unsafe.Add(ref target, index)));
        else
            Store(value, ref target, index, count);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> LoadUInt16(ref readonly ushort source, nint index, int count) =>
        new((count >= Count ? HalfMemory.Load256(in source, index) : HalfMemory.LoadFirst256(in source, index, count)).As<uint, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreUInt16(V256<T> bits, ref ushort target, nint index, int count, bool streaming)
    {
        if (count >= Count)
            HalfMemory.Store(bits.lanes.AsUInt32(), ref target, index, streaming);
        else
            HalfMemory.StoreFirst(bits.lanes.AsUInt32(), ref target, index, count);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> AddBits(V256<T> left, V256<T> right) => new((left.lanes.AsUInt32() + right.lanes.AsUInt32()).As<uint, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> ShiftLeft(V256<T> bits, int count) => new((bits.lanes.AsUInt32() << count).As<uint, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> ShiftRight(V256<T> bits, int count) => new((bits.lanes.AsUInt32() >> count).As<uint, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> LoadCondition(ref readonly byte source, nint index, int count)
    {
        if (!Avx2.IsSupported || count < Count)
            return FromCondition(ConditionBytes.Load(in source, index, Math.Min(count, Count)));
        return typeof(T) == typeof(float)
            ? new((~Vector256.Equals(Avx2.ConvertToVector256Int32(Vector128.CreateScalar(Unsafe.ReadUnaligned<ulong>(in Unsafe.Add(ref Unsafe.AsRef(in source), index))).AsByte()), default)).As<int, T>())
            : new((~Vector256.Equals(Avx2.ConvertToVector256Int64(Vector128.CreateScalar(Unsafe.ReadUnaligned<uint>(in Unsafe.Add(ref Unsafe.AsRef(in source), index))).AsByte()), default)).As<long, T>());
    }

    /// <inheritdoc/>
    public static void StoreCondition(V256<T> value, ref byte target, nint index, int count) =>
        ConditionBytes.Store(ToCondition(value), ref target, index, Math.Min(count, Count));

    /// <inheritdoc/>
    public static V256<T> Gather(ref readonly T source, Int64Lanes indices, int count)
    {
        var elements = stackalloc T[Vector256<T>.Count];
        count = Math.Min(count, Count);
        for (var lane = 0; lane < count; lane++)
        {
            var index = indices[lane];
            elements[lane] = index < 0 ? default : Unsafe.Add(ref Unsafe.AsRef(in source), (nint)index);
        }

        for (var lane = count; lane < Count; lane++)
            elements[lane] = default;
        return new(Vector256.Load(elements));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Element(V256<T> value, int lane) => lane == 0 ? value.lanes.ToScalar() : value.lanes.GetElement(lane);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(V256<T> value)
    {
        if (typeof(T) != typeof(float))
            return Vector256.Sum(value.lanes.AsDouble());
        var (low, high) = Vector256.Widen(value.lanes.AsSingle());
        return Vector256.Sum(low + high);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyLane(V256<T> condition) => condition.lanes.AsByte() != Vector256<byte>.Zero;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Equal(V256<T> left, V256<T> right) => new(Vector256.Equals(left.lanes, right.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Less(V256<T> left, V256<T> right) => new(Vector256.LessThan(left.lanes, right.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Equal(V256<T> left, double right) => typeof(T) == typeof(float)
        ? new(Vector256.Equals(left.lanes.AsSingle(), Vector256.Create((float)right)).As<float, T>())
        : new(Vector256.Equals(left.lanes.AsDouble(), Vector256.Create(right)).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Less(V256<T> left, double right) => typeof(T) == typeof(float)
        ? new(Vector256.LessThan(left.lanes.AsSingle(), Vector256.Create((float)right)).As<float, T>())
        : new(Vector256.LessThan(left.lanes.AsDouble(), Vector256.Create(right)).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> LessOrEqual(V256<T> left, V256<T> right) => new(Vector256.LessThanOrEqual(left.lanes, right.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Where(V256<T> condition, V256<T> whenTrue, V256<T> whenFalse) =>
        new(Vector256.ConditionalSelect(condition.lanes, whenTrue.lanes, whenFalse.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Min(V256<T> left, V256<T> right) =>
        // The machine's own gives the right one where either is NaN.
        new(Vector256.ConditionalSelect(Vector256.Equals(left.lanes, left.lanes), Vector256.MinNative(left.lanes, right.lanes), left.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Max(V256<T> left, V256<T> right) =>
        // The machine's own gives the right one where either is NaN.
        new(Vector256.ConditionalSelect(Vector256.Equals(left.lanes, left.lanes), Vector256.MaxNative(left.lanes, right.lanes), left.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Abs(V256<T> value) => new(Vector256.Abs(value.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Sqrt(V256<T> value) => new(Vector256.Sqrt(value.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Round(V256<T> value) => typeof(T) == typeof(float)
        ? new(Vector256.Round(value.lanes.AsSingle()).As<float, T>())
        : new(Vector256.Round(value.lanes.AsDouble()).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> MultiplyAdd(V256<T> left, V256<T> right, V256<T> addend) => typeof(T) == typeof(float)
        ? new(Vector256.FusedMultiplyAdd(left.lanes.AsSingle(), right.lanes.AsSingle(), addend.lanes.AsSingle()).As<float, T>())
        : new(Vector256.FusedMultiplyAdd(left.lanes.AsDouble(), right.lanes.AsDouble(), addend.lanes.AsDouble()).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> MultiplyAdd(V256<T> left, double right, V256<T> addend) => typeof(T) == typeof(float)
        ? new(Vector256.FusedMultiplyAdd(left.lanes.AsSingle(), Vector256.Create((float)right), addend.lanes.AsSingle()).As<float, T>())
        : new(Vector256.FusedMultiplyAdd(left.lanes.AsDouble(), Vector256.Create(right), addend.lanes.AsDouble()).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> MultiplyAdd(V256<T> left, V256<T> right, double addend) => typeof(T) == typeof(float)
        ? new(Vector256.FusedMultiplyAdd(left.lanes.AsSingle(), right.lanes.AsSingle(), Vector256.Create((float)addend)).As<float, T>())
        : new(Vector256.FusedMultiplyAdd(left.lanes.AsDouble(), right.lanes.AsDouble(), Vector256.Create(addend)).As<double, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Polynomial(V256<T> start, V256<T> x, double c3, double c2, double c1, double c0)
    {
        if (typeof(T) == typeof(float))
        {
            var (p, y) = (start.lanes.AsSingle(), x.lanes.AsSingle());
            var square = y * y;
            p = Vector256.FusedMultiplyAdd(p, square, Vector256.FusedMultiplyAdd(Vector256.Create((float)c3), y, Vector256.Create((float)c2)));
            return new(Vector256.FusedMultiplyAdd(p, square, Vector256.FusedMultiplyAdd(Vector256.Create((float)c1), y, Vector256.Create((float)c0))).As<float, T>());
        }
        else
        {
            var (p, y) = (start.lanes.AsDouble(), x.lanes.AsDouble());
            var square = y * y;
            p = Vector256.FusedMultiplyAdd(p, square, Vector256.FusedMultiplyAdd(Vector256.Create(c3), y, Vector256.Create(c2)));
            return new(Vector256.FusedMultiplyAdd(p, square, Vector256.FusedMultiplyAdd(Vector256.Create(c1), y, Vector256.Create(c0))).As<double, T>());
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> AtMost(V256<T> value, double high) => new(Vector256.MinNative(Create(high).lanes, value.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> AtLeast(V256<T> value, double low) => new(Vector256.MaxNative(Create(low).lanes, value.lanes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Clamp(V256<T> value, double low, double high) =>
        // The machine's own minimum and maximum, with the value second: where it is NaN it stays.
        new(Vector256.MinNative(Create(high).lanes, Vector256.MaxNative(Create(low).lanes, value.lanes)));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Scale(V256<T> value, V256<T> exponent)
    {
        // In two steps, so that neither factor leaves the range of normal numbers; the first product is exact.
        if (typeof(T) == typeof(float))
        {
            // Adding 1.5 * 2^23 leaves the exponent in the low bits; the shift takes it to its place, the mask leaves a whole half of it.
            var bits = (exponent.lanes.AsSingle() + Vector256.Create(12582912f)).AsInt32() << 23;
            var half = (bits >> 1) & Vector256.Create(unchecked((int)0xFF800000));
            var one = Vector256.Create(127 << 23);
            return new((value.lanes.AsSingle() * (half + one).AsSingle() * (bits - half + one).AsSingle()).As<float, T>());
        }
        else
        {
            var half = Vector256.Floor(exponent.lanes.AsDouble() * 0.5);
            var first = PowerOfTwo(half);
            var second = PowerOfTwo(exponent.lanes.AsDouble() - half);
            return new((value.lanes.AsDouble() * first * second).As<double, T>());
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> Significand(V256<T> value, out V256<T> exponent)
    {
        if (typeof(T) == typeof(float))
        {
            var x = value.lanes.AsSingle();
            var subnormal = Vector256.LessThan(x, Vector256.Create(1.17549435e-38f));
            x = Vector256.ConditionalSelect(subnormal, x * 8388608f, x);

            // Counted from the bits of sqrt(1/2), so that the significand comes out in [sqrt(1/2), sqrt(2)).
            var bits = x.AsInt32() - Vector256.Create(0x3F3504F3);
            var whole = Vector256.ConvertToSingle(bits >> 23);
            exponent = new((whole - (subnormal & Vector256.Create(23f))).As<float, T>());
            return new(((bits & Vector256.Create(0x007FFFFF)) + Vector256.Create(0x3F3504F3)).As<int, T>());
        }
        else
        {
            var x = value.lanes.AsDouble();
            var subnormal = Vector256.LessThan(x, Vector256.Create(2.2250738585072014e-308));
            x = Vector256.ConditionalSelect(subnormal, x * 4503599627370496.0, x);

            // The exponent is biased to be positive and read through the bits of 2^52: not every machine converts int64 lanes.
            var bits = x.AsInt64() - Vector256.Create(0x3FE6A09E667F3BCD);
            var biased = (bits + Vector256.Create(0x4000000000000000)) >>> 52;
            var whole = (biased | Vector256.Create(0x4330000000000000)).AsDouble() - Vector256.Create(4503599627370496.0 + 1024.0);
            exponent = new((whole - (subnormal & Vector256.Create(52.0))).As<double, T>());
            return new(((bits & Vector256.Create(0x000FFFFFFFFFFFFF)) + Vector256.Create(0x3FE6A09E667F3BCD)).As<long, T>());
        }
    }

    /// <inheritdoc/>
    public static V256<T> FromInt64(Int64Lanes value)
    {
        var elements = stackalloc T[Vector256<T>.Count];
        for (var lane = 0; lane < Vector256<T>.Count; lane++)
        {
            if (typeof(T) == typeof(float))
                ((float*)elements)[lane] = value[lane];
            else
                ((double*)elements)[lane] = value[lane];
        }

        return new(Vector256.Load(elements));
    }

    /// <inheritdoc/>
    public static Int64Lanes ToInt64(V256<T> value)
    {
        var lanes = default(Int64Lanes);
        ref var first = ref Unsafe.As<Int64Lanes, long>(ref lanes);
        for (var lane = 0; lane < Vector256<T>.Count; lane++)
        {
            Unsafe.Add(ref first, lane) = typeof(T) == typeof(float)
                ? (long)value.lanes.AsSingle().GetElement(lane)
                : (long)value.lanes.AsDouble().GetElement(lane);
        }

        return lanes;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256<T> FromCondition(Int64Lanes condition) => typeof(T) == typeof(float)
        ? new(LaneConversion.Narrow256(condition).As<int, T>())
        : new(LaneConversion.Take256(condition).As<long, T>());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int64Lanes ToCondition(V256<T> condition) => typeof(T) == typeof(float)
        ? LaneConversion.Widen(condition.lanes.AsInt32())
        : LaneConversion.Widen(condition.lanes.AsInt64());

    // 2^k for a whole k: adding 1.5 * 2^52 and the bias leaves the biased exponent in the low bits, which the shift takes to its place.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> PowerOfTwo(Vector256<double> whole) =>
        ((whole + Vector256.Create(6755399441055744.0 + 1023)).AsInt64() << 52).AsDouble();

    // A masked access where the machine has one (it keeps the registers of the loop), element by element elsewhere.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V256<T> LoadWhere(ref T source, V256<T> condition)
    {
        if (Avx.IsSupported)
        {
            var mask = condition.lanes;
            return typeof(T) == typeof(float)
                ? new(Avx.MaskLoad((float*)Unsafe.AsPointer(ref source), mask.AsSingle()).As<float, T>())
                : new(Avx.MaskLoad((double*)Unsafe.AsPointer(ref source), mask.AsDouble()).As<double, T>());
        }

        return LoadEach(ref source, condition);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreWhere(V256<T> value, ref T target, V256<T> condition)
    {
        if (Avx.IsSupported)
        {
            var mask = condition.lanes;
            if (typeof(T) == typeof(float))
                Avx.MaskStore((float*)Unsafe.AsPointer(ref target), mask.AsSingle(), value.lanes.AsSingle());
            else
                Avx.MaskStore((double*)Unsafe.AsPointer(ref target), mask.AsDouble(), value.lanes.AsDouble());
            return;
        }

        StoreEach(value, ref target, condition);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V256<T> LoadEach(ref T source, V256<T> condition)
    {
        var elements = stackalloc T[Vector256<T>.Count];
        for (var lane = 0; lane < Vector256<T>.Count; lane++)
            elements[lane] = Holds(condition, lane) ? Unsafe.Add(ref source, lane) : default;
        return new(Vector256.Load(elements));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreEach(V256<T> value, ref T target, V256<T> condition)
    {
        for (var lane = 0; lane < Vector256<T>.Count; lane++)
        {
            if (Holds(condition, lane))
                Unsafe.Add(ref target, lane) = value.lanes.GetElement(lane);
        }
    }

    private static bool Holds(V256<T> condition, int lane) => typeof(T) == typeof(float)
        ? condition.lanes.AsInt32().GetElement(lane) != 0
        : condition.lanes.AsInt64().GetElement(lane) != 0;
}
