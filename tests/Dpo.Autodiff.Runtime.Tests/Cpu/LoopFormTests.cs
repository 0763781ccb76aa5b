using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Dpo.Autodiff.Cpu;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>Rows of 16-bit numbers in the form that vector loops take, against torch's own conversions.</summary>
public class LoopFormTests
{
    private const int Length = 40;

    [Fact]
    public void RowsOfHalvesAreReadAndWrittenWhereTheyAre() => VectorTests.ForEachVector<Halves>();

    private sealed class Halves : VectorTests.ICheck
    {
        public static void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            // The form is chosen for float alone.
            if (typeof(T) != typeof(float))
                return;
            Hold<T, V, HalfRows<AllLanes, BFloat16Format>>(ScalarType.BFloat16, V.Count);
            Hold<T, V, HalfRows<AllLanes, Float16Format>>(ScalarType.Float16, V.Count);
            for (var count = 1; count <= V.Count; count++)
            {
                Hold<T, V, HalfRows<LanesLeft, BFloat16Format>>(ScalarType.BFloat16, count);
                Hold<T, V, HalfRows<LanesLeft, Float16Format>>(ScalarType.Float16, count);
            }
        }

        private static unsafe void Hold<T, V, L>(ScalarType dtype, int count)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
            where L : struct, ILoopForm
        {
            using var scope = NewDisposeScope();
            var numbers = (arange(Length, dtype: ScalarType.Float32) - 17).mul(1.37).to(dtype);
            var expected = numbers.to(ScalarType.Float32).data<float>().ToArray();
            var bits = GC.AllocateArray<ushort>(Length, pinned: true);
            MemoryMarshal.Cast<byte, ushort>(numbers.bytes).CopyTo(bits);
            var buffer = new KernelBuffer(Marshal.UnsafeAddrOfPinnedArrayElement(bits, 0), L.Storage);
            var rows = new StoredRows<T>(buffer, 10, streams: false, L.Storage);
            Assert.Equal(count, L.Of(count, V.Count));

            ref var row = ref rows.Read<V>(10);
            Assert.Equal(buffer.Address + 20, (nint)Unsafe.AsPointer(ref row));
            var read = L.Load<T, V>(ref row, 3, count);
            var odd = V.FromCondition(Int64Lanes.Equal(Int64Lanes.Sequence(0) & Int64Lanes.Create(1), Int64Lanes.Create(1)));
            var some = L.Load(ref row, 3, count, odd);
            for (var lane = 0; lane < V.Count; lane++)
            {
                VectorTests.Same(lane < count ? T.CreateChecked(expected[13 + lane]) : T.Zero, V.Element(read, lane), $"{dtype}[{lane}] of {count}");
                VectorTests.Same(lane < count && lane % 2 == 1 ? T.CreateChecked(expected[13 + lane]) : T.Zero, V.Element(some, lane), $"{dtype}[{lane}] of {count} where odd");
            }

            // Doubled, one number further on: no other is touched.
            var before = bits.ToArray();
            L.Store(read + read, ref rows.Write(10), 4, count);
            rows.Flush<V>(10);
            var doubled = MemoryMarshal.Cast<byte, ushort>(tensor(expected).mul(2).to(dtype).bytes).ToArray();
            for (var i = 0; i < Length; i++)
                Assert.Equal(i >= 14 && i < 14 + count ? doubled[i - 1] : before[i], bits[i]);
        }
    }
}
