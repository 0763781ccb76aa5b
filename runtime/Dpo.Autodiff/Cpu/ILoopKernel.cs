using System.Numerics;

namespace Dpo.Autodiff.Cpu;

/// <summary>A generated kernel: what a loop program does to its buffers.</summary>
public interface ILoopKernel
{
    /// <summary>Runs every stage, on the calling thread; stages over large extents hand their blocks to the thread team.</summary>
    /// <typeparam name="T">The compute type.</typeparam>
    /// <typeparam name="V">The machine's vector of it.</typeparam>
    static abstract void Run<T, V>(ref KernelFrame frame)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>;
}

/// <summary>One stage of a kernel: the body of its outermost loop, for a block of iterations. It never throws.</summary>
public interface ILoopStage
{
    /// <summary>Runs iterations <paramref name="begin"/> to <paramref name="end"/> - 1.</summary>
    /// <param name="frame">The call's frame, shared by all blocks.</param>
    /// <param name="begin">The first iteration: a multiple of 64 where iterations run in lanes.</param>
    /// <param name="end">The iteration after the last.</param>
    /// <param name="block">The block's number, which names its partial results.</param>
    /// <typeparam name="T">The compute type.</typeparam>
    /// <typeparam name="V">The machine's vector of it.</typeparam>
    /// <typeparam name="L">The form of its vector loops.</typeparam>
    static abstract void Run<T, V, L>(ref KernelFrame frame, nint begin, nint end, int block)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
        where L : struct, ILoopForm;
}
