using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Dpo.Autodiff.Cpu;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>
/// Copies memory with stores that bypass the cache, on the threads that kernels run on: the bandwidth that a kernel can reach at most.
/// One copy reads and writes what a call of the measured work moves.
/// </summary>
internal sealed unsafe class StreamingCopy : IDisposable
{
    private const nuint Alignment = 64;

    private readonly nint elements;
    private readonly KernelBuffer[] buffers;

    /// <param name="bytes">How much is copied.</param>
    public StreamingCopy(double bytes)
    {
        elements = (nint)(bytes / sizeof(float)) / 64 * 64;
        var size = (nuint)(elements * sizeof(float));
        buffers = [(nint)NativeMemory.AlignedAlloc(size, Alignment), (nint)NativeMemory.AlignedAlloc(size, Alignment)];
        foreach (var buffer in buffers)
            NativeMemory.Fill((void*)buffer.Address, size, 1);
    }

    /// <summary>The mean time of one copy over at least the given time.</summary>
    public double Time(double seconds)
    {
        var start = Stopwatch.GetTimestamp();
        var copies = 0;
        do
        {
            KernelLauncher.Launch<Kernel>(isDouble: false, buffers, [elements], [], 0);
            copies++;
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds);
        return Stopwatch.GetElapsedTime(start).TotalSeconds / copies;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in buffers)
            NativeMemory.AlignedFree((void*)buffer.Address);
    }

    private sealed class Kernel : ILoopKernel
    {
        public static void Run<T, V>(ref KernelFrame frame)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T> => frame.ForEachBlock<Stage, T, V>(frame.Extent(0));
    }

    private sealed class Stage : ILoopStage
    {
        public static void Run<T, V, L>(ref KernelFrame frame, nint begin, nint end, int block)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
            where L : struct, ILoopForm
        {
            var source = (byte*)Unsafe.AsPointer(ref frame.Real<T>(0)) + (begin * sizeof(T));
            var target = (byte*)Unsafe.AsPointer(ref frame.Real<T>(1)) + (begin * sizeof(T));
            var last = source + ((end - begin) * sizeof(T));
            if (Vector512.IsHardwareAccelerated)
            {
                for (; source < last; source += 256, target += 256)
                {
                    var (a, b) = (Vector512.Load(source), Vector512.Load(source + 64));
                    var (c, d) = (Vector512.Load(source + 128), Vector512.Load(source + 192));
                    a.StoreAlignedNonTemporal(target);
                    b.StoreAlignedNonTemporal(target + 64);
                    c.StoreAlignedNonTemporal(target + 128);
                    d.StoreAlignedNonTemporal(target + 192);
                }
            }
            else
            {
                for (; source < last; source += 32, target += 32)
                    Vector256.Load(source).StoreAlignedNonTemporal(target);
            }
        }
    }
}
