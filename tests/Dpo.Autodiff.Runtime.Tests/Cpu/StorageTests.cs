using System.Numerics;
using System.Runtime.InteropServices;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Execution;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>Tensors of every dtype, read and written as float and double on every width, against torch's own conversions.</summary>
[Collection(Execution.Route.Collection)]
public class StorageTests
{
    private static readonly (StorageType Storage, ScalarType DType)[] Storages =
    [
        (StorageType.BFloat16, ScalarType.BFloat16), (StorageType.Float16, ScalarType.Float16), (StorageType.Float32, ScalarType.Float32),
        (StorageType.Float64, ScalarType.Float64), (StorageType.Int64, ScalarType.Int64), (StorageType.Int32, ScalarType.Int32),
        (StorageType.Int16, ScalarType.Int16), (StorageType.Int8, ScalarType.Int8), (StorageType.Byte, ScalarType.Byte), (StorageType.Byte, ScalarType.Bool),
    ];

    [Fact]
    public void EveryHalfIsReadExactly() => VectorTests.ForEachVector<AllHalves>();

    [Fact]
    public void FloatsAreRoundedToHalvesAsTorchRounds() => VectorTests.ForEachVector<Rounded>();

    [Fact]
    public void RowsOfEveryLengthTouchOnlyThemselves() => VectorTests.ForEachVector<Rows>();

    [Fact]
    public void ElementsAreFoundByIndex() => VectorTests.ForEachVector<Elements>();

    [Fact]
    public void WholeNumbersAreReadAsInt64()
    {
        foreach (var (storage, dtype) in Storages.Skip(4))
        {
            using var scope = NewDisposeScope();
            var numbers = tensor(new long[] { 0, 1, 2, -3, 100, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, -1, 5 }).to(dtype);
            var expected = numbers.to(ScalarType.Int64).data<long>().ToArray();
            var memory = Memory.Of(numbers);
            var read = new StoredIntegers(memory.Buffer(storage));
            for (var i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], read[i]);
            for (var count = 0; count <= Int64Lanes.Capacity; count++)
            {
                var lanes = read.Load(2, count);
                var gathered = read.Gather(Int64Lanes.Sequence(17, -2), count);
                for (var lane = 0; lane < Int64Lanes.Capacity; lane++)
                {
                    Assert.Equal(lane < count ? expected[2 + lane] : 0, lanes[lane]);
                    Assert.Equal(lane < count && lane <= 8 ? expected[17 - (2 * lane)] : 0, gathered[lane]);
                }
            }
        }
    }

    [Fact]
    public unsafe void LargeViewsOfWholeRowsAreDescribed()
    {
        using var scope = NewDisposeScope();
        var whole = arange(3 * 40 * 700, dtype: ScalarType.Float32).view(3, 40, 700);
        foreach (var view in new[] { whole[TensorIndex.Colon, ..^1], whole[TensorIndex.Ellipsis, 5..], whole.transpose(0, 1), whole[.., ..1].expand(3, 40, 700), whole.transpose(0, 1).to(ScalarType.BFloat16) })
        {
            var storage = view.dtype == ScalarType.Float32 ? StorageType.Float32 : StorageType.BFloat16;
            Assert.True(StridedRows.TryDescribe(view.Handle, storage, out var buffer));
            var expected = Read<float>(view.to(ScalarType.Float32).contiguous());
            var length = (int)view.shape[2];
            var rows = new StoredRows<float>(buffer, length, streams: false, StorageType.Own);
            var elements = new StoredReals<float>(buffer);
            for (var start = 0; start < expected.Length; start += length)
            {
                ref var row = ref rows.Read<V128<float>>(start);
                Assert.True(MemoryMarshal.CreateReadOnlySpan(ref row, length).SequenceEqual(expected.AsSpan(start, length)));
                Assert.Equal(expected[start + 7], V128<float>.Element(elements.Broadcast<V128<float>>(start + 7), 0));
            }

            Workspace.Current.Reset();
        }

        foreach (var other in new[] { whole, whole[.., ..2], whole.transpose(1, 2), whole[0, 0] })
            Assert.False(StridedRows.TryDescribe(other.Handle, StorageType.Float32, out _));
    }

    // Every pattern of 16 bits at once.
    private sealed class AllHalves : VectorTests.ICheck
    {
        public static unsafe void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            var bits = GC.AllocateArray<ushort>(1 << 16, pinned: true);
            var row = GC.AllocateArray<T>(1 << 16, pinned: true);
            for (var i = 0; i < bits.Length; i++)
                bits[i] = (ushort)i;
            fixed (ushort* source = bits)
            fixed (T* target = row)
            {
                StoredMemory.ReadRow<T, V>(new((nint)source, StorageType.Float16), 0, target, row.Length);
                for (var i = 0; i < row.Length; i++)
                    VectorTests.Same(T.CreateChecked((float)BitConverter.UInt16BitsToHalf((ushort)i)), row[i], $"float16 {i:X4}");
                StoredMemory.ReadRow<T, V>(new((nint)source, StorageType.BFloat16), 0, target, row.Length);
                for (var i = 0; i < row.Length; i++)
                    VectorTests.Same(T.CreateChecked(BitConverter.Int32BitsToSingle(i << 16)), row[i], $"bfloat16 {i:X4}");
            }
        }
    }

    private sealed class Rounded : VectorTests.ICheck
    {
        public static unsafe void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            using var scope = NewDisposeScope();
            var values = Values();
            var row = GC.AllocateArray<T>(values.Length, pinned: true);
            for (var i = 0; i < row.Length; i++)
                row[i] = T.CreateChecked(values[i]);
            foreach (var (storage, dtype) in Storages.Take(2))
            {
                var expected = MemoryMarshal.Cast<byte, short>(tensor(values).to(dtype).bytes).ToArray();
                var bits = GC.AllocateArray<ushort>(values.Length, pinned: true);
                fixed (ushort* target = bits)
                fixed (T* source = row)
                {
                    StoredMemory.WriteRow<T, V>(source, new((nint)target, storage), 0, row.Length, streams: false);
                    for (var i = 0; i < row.Length; i++)
                        Same(dtype, expected[i], bits[i], values[i]);
                    var elements = new StoredReals<T>(new((nint)target, storage));
                    for (var i = 0; i < row.Length; i += 97)
                    {
                        elements.Set(i, row[i]);
                        Same(dtype, expected[i], bits[i], values[i]);
                    }
                }
            }
        }

        private static void Same(ScalarType dtype, short expected, ushort found, float value)
        {
            // Which NaN it is torch itself does not keep to.
            if (float.IsNaN(value))
                Assert.True((found & 0x7FFF) > (dtype == ScalarType.Float16 ? 0x7C00 : 0x7F80), $"{dtype} of NaN: {found:X4}");
            else
                Assert.True((ushort)expected == found, $"{dtype} of {value:R}: expected {(ushort)expected:X4}, found {found:X4}");
        }

        // Every half, what lies midway between two and beside that, in both formats; what overflows and underflows; NaN; random bits.
        private static float[] Values()
        {
            var values = new List<float> { float.NaN, -float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, -float.MaxValue, float.Epsilon, 0, -0f };
            for (var i = 0; i < 1 << 16; i += 7)
            {
                var wide = BitConverter.SingleToInt32Bits((float)BitConverter.UInt16BitsToHalf((ushort)i));
                foreach (var bits in new[] { wide, wide | 0x1000, wide | 0xFFF, wide | 0x1001, i << 16, (i << 16) | 0x8000, (i << 16) | 0x7FFF, (i << 16) | 0x8001 })
                    values.Add(BitConverter.Int32BitsToSingle(bits));
                if ((i & 0x7FFF) < 0x402)
                    values.Add(MathF.CopySign(((i & 0x7FFF) + 0.5f) * MathF.Pow(2, -24), i >= 0x8000 ? -1 : 1));
            }

            var random = new Random(1);
            for (var i = 0; i < 10000; i++)
                values.Add(BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)));
            return [.. values];
        }
    }

    private sealed class Rows : VectorTests.ICheck
    {
        public static unsafe void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            var compute = typeof(T) == typeof(float) ? ScalarType.Float32 : ScalarType.Float64;
            foreach (var (storage, dtype) in Storages)
            {
                using var scope = NewDisposeScope();
                var numbers = (arange(100, dtype: ScalarType.Float64) - (dtype is ScalarType.Byte or ScalarType.Bool ? 0 : 50)).mul(1.25).to(dtype);
                var expected = Read<T>(numbers.to(compute));
                for (var length = 0; length <= (2 * V.Count) + 1; length++)
                {
                    var memory = Memory.Of(numbers);
                    var rows = new StoredRows<T>(memory.Buffer(storage), length, streams: false, StorageType.Own);
                    ref var row = ref rows.Read<V>(3);
                    for (var i = 0; i < length; i++)
                        VectorTests.Same(expected[3 + i], System.Runtime.CompilerServices.Unsafe.Add(ref row, i), $"{dtype}[{i}]");
                    if (storage > StorageType.Float64)
                        continue;
                    var before = memory.Bytes.ToArray();
                    ref var written = ref rows.Write(5);
                    for (var i = 0; i < length; i++)
                        System.Runtime.CompilerServices.Unsafe.Add(ref written, i) = expected[i];
                    rows.Flush<V>(5);
                    var size = (int)numbers.element_size();
                    var source = Memory.Of(numbers).Bytes.AsSpan(0, length * size);
                    Assert.Equal(source.ToArray(), memory.Bytes.AsSpan(5 * size, length * size).ToArray());
                    Assert.Equal(before[..(5 * size)], memory.Bytes[..(5 * size)]);
                    Assert.Equal(before[((5 + length) * size)..], memory.Bytes[((5 + length) * size)..]);
                    Workspace.Current.Reset();
                }
            }
        }
    }

    private sealed class Elements : VectorTests.ICheck
    {
        public static void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            var compute = typeof(T) == typeof(float) ? ScalarType.Float32 : ScalarType.Float64;
            foreach (var (storage, dtype) in Storages)
            {
                using var scope = NewDisposeScope();
                var numbers = arange(40, dtype: ScalarType.Float64).mul(3.25).to(dtype);
                var expected = Read<T>(numbers.to(compute));
                var memory = Memory.Of(numbers);
                var read = new StoredReals<T>(memory.Buffer(storage));
                for (var count = 0; count <= V.Count; count++)
                {
                    var gathered = read.Gather<V>(Int64Lanes.Sequence(20, -3), count);
                    for (var lane = 0; lane < V.Count; lane++)
                        VectorTests.Same(lane < count && lane <= 6 ? expected[20 - (3 * lane)] : T.Zero, V.Element(gathered, lane), $"{dtype}[{20 - (3 * lane)}]");
                    VectorTests.Same(expected[count], V.Element(read.Broadcast<V>(count), V.Count - 1), $"{dtype}[{count}]");
                }

                if (storage > StorageType.Float64)
                    continue;
                read.Scatter(read.Gather<V>(Int64Lanes.Sequence(0), V.Count), Int64Lanes.Sequence(V.Count - 2, -1), V.Count);
                for (var i = 0; i < 40; i++)
                    VectorTests.Same(expected[i <= V.Count - 2 ? V.Count - 2 - i : i], V.Element(read.Broadcast<V>(i), 0), $"{dtype} scattered to {i}");
            }
        }
    }

    private static T[] Read<T>(Tensor tensor)
        where T : unmanaged => tensor.data<T>().ToArray();

    /// <summary>A copy of a tensor's memory that stays where it is.</summary>
    private sealed class Memory
    {
        public required byte[] Bytes { get; init; }

        public static Memory Of(Tensor tensor)
        {
            var bytes = GC.AllocateArray<byte>((int)(tensor.numel() * tensor.element_size()), pinned: true);
            tensor.bytes.CopyTo(bytes);
            return new() { Bytes = bytes };
        }

        public KernelBuffer Buffer(StorageType storage) => new(Marshal.UnsafeAddrOfPinnedArrayElement(Bytes, 0), storage);
    }
}
