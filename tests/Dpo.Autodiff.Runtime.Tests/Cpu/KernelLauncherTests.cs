using System.Numerics;
using Dpo.Autodiff.Cpu;

namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>Frames, blocks and partial results, with a kernel of two stages: y = a * x + index, s = sum(y).</summary>
public class KernelLauncherTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(16384)]
    [InlineData(100_001)]
    [InlineData(3_000_000)]
    public void RunsEveryElementOnceInSingle(int n) => Check<float>(n, 1e-6);

    [Theory]
    [InlineData(17)]
    [InlineData(100_003)]
    public void RunsEveryElementOnceInDouble(int n) => Check<double>(n, 1e-14);

    [Fact]
    public void NotesTheSmallestIndexOutOfRange()
    {
        var indices = Pinned(0L, 5, -3, 2, 9);
        var fault = Launch<GatherKernel, float>([Pin(indices), Pin(Pinned(new float[4])), Pin(Pinned(new float[5]))], [5, 4], []);
        Assert.True(fault.IsFault);
        Assert.Equal((0, -3L, 4L), (fault.Buffer, fault.Index, fault.Extent));
        Assert.False(Launch<GatherKernel, float>([Pin(Pinned(new long[5])), Pin(Pinned(new float[4])), Pin(Pinned(new float[5]))], [5, 4], []).IsFault);
    }

    [Fact]
    public void BlocksCoverTheExtentAndDoNotDependOnThreads()
    {
        foreach (var extent in new nint[] { 1, 64, 1000, 16384, 16385, 1 << 20, 100_000_007 })
        {
            foreach (var elements in new nint[] { 0, 1, 7, 512, 1_000_000 })
            {
                var size = KernelFrame.BlockSize(extent, elements);
                Assert.Equal(0, size % 64);
                Assert.InRange((extent + size - 1) / size, 1, 64);
            }
        }
    }

    private static void Check<T>(int n, double tolerance)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var x = Pinned(new T[n]);
        for (var i = 0; i < n; i++)
            x[i] = T.CreateChecked(((i * 7919L) % 1000) - 333.25);
        var y = Pinned(new T[n]);
        var sum = Pinned(new T[1]);
        Assert.False(Launch<ScaleKernel, T>([Pin(x), Pin(y), Pin(sum), 0], [n], [0.5]).IsFault);
        var total = 0.0;
        for (var i = 0; i < n; i++)
        {
            Assert.Equal(T.CreateChecked(0.5) * x[i], y[i]);
            total += double.CreateChecked(y[i]);
        }

        Assert.Equal(total, double.CreateChecked(sum[0]), Math.Abs(total) * tolerance);
    }

    private static KernelFault Launch<TKernel, T>(KernelBuffer[] buffers, long[] extents, double[] scalars)
        where TKernel : ILoopKernel => KernelLauncher.Launch<TKernel>(typeof(T) == typeof(double), buffers, extents, scalars, ulong.MaxValue);

    private static T[] Pinned<T>(params T[] values)
    {
        var array = GC.AllocateArray<T>(values.Length, pinned: true);
        values.CopyTo(array, 0);
        return array;
    }

    private static unsafe nint Pin<T>(T[] array)
        where T : unmanaged
    {
        Assert.Equal(GC.MaxGeneration, GC.GetGeneration(array));
        return (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref array[0]);
    }

    private sealed class ScaleKernel : ILoopKernel, ILoopStage
    {
        public static void Run<T, V>(ref KernelFrame frame)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            frame.ForEachBlock<ScaleKernel, T, V>(frame.Extent(0), accumulators: 1);
            frame.Real<T>(2) = T.CreateTruncating(frame.Sum(0));
        }

        public static void Run<T, V, L>(ref KernelFrame frame, nint begin, nint end, int block)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
            where L : struct, ILoopForm
        {
            ref var x = ref frame.Real<T>(0);
            ref var y = ref frame.Real<T>(1);
            var scale = V.Create(frame.Scalar(0));
            var streams = frame.Streams<T>(1, frame.Extent(0));
            var sum = default(VectorSum<T, V>);
            for (var i = begin; i < end; i += V.Count)
            {
                var count = L.Of(end - i, V.Count);
                var scaled = scale * V.Load(ref x, i, count);
                V.Store(scaled, ref y, i, count, streams);
                sum.Add(scaled, count);
            }

            VectorSum<T, V>.AddTo(sum, ref frame.Partial(0, block));
        }
    }

    private sealed class GatherKernel : ILoopKernel
    {
        public static void Run<T, V>(ref KernelFrame frame)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            for (nint i = 0; i < frame.Extent(0); i += V.Count)
            {
                var count = (int)nint.Min(frame.Extent(0) - i, V.Count);
                var indices = frame.InRange(0, Int64Lanes.Load(ref frame.Index(0), i, count), frame.Extent(1), count);
                V.Store(V.Gather(ref frame.Real<T>(1), indices, count), ref frame.Real<T>(2), i, count);
            }
        }
    }
}
