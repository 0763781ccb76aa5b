using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Dpo.Autodiff.Cpu;

/// <summary>The blocks of one parallel stage, and who runs them.</summary>
internal unsafe struct BlockRun(
    KernelFrame* frame,
    delegate*<KernelFrame*, nint, nint, int, void> stage,
    nint extent,
    nint size,
    int blocks,
    bool isUneven)
{
    private readonly int launcher = Environment.CurrentManagedThreadId;
    private nint failure;
    private int taken;

    internal readonly int Blocks => blocks;

    /// <summary>
    /// The blocks of one member of the team: neighbours, so that each member reads one stretch of memory; where some cost much less than
    /// others, whichever come next.
    /// </summary>
    internal void RunShare(int member, int members)
    {
        try
        {
            if (isUneven)
            {
                for (var block = Interlocked.Increment(ref taken) - 1; block < blocks; block = Interlocked.Increment(ref taken) - 1)
                    RunBlock(block);
            }
            else
            {
                var last = (int)((long)blocks * (member + 1) / members);
                for (var block = (int)((long)blocks * member / members); block < last; block++)
                    RunBlock(block);
            }
        }
        catch (Exception exception)
        {
            // An exception must not reach the native frames of the team: it is thrown again on the launching thread.
            var handle = GCHandle.ToIntPtr(GCHandle.Alloc(exception));
            if (Interlocked.CompareExchange(ref failure, handle, 0) != 0)
                GCHandle.FromIntPtr(handle).Free();
        }

        // A worker has nothing left to keep; the launching thread resets when the call ends.
        if (Environment.CurrentManagedThreadId != launcher)
            Workspace.Current.Reset();

        // Streamed stores are not ordered with others: they must be done before the team's barrier says so.
        if (Sse.IsSupported)
            Sse.StoreFence();
    }

    private readonly void RunBlock(int block)
    {
        var begin = block * size;
        stage(frame, begin, nint.Min(begin + size, extent), block);
    }

    internal readonly void ThrowFailure()
    {
        if (failure == 0)
            return;
        var handle = GCHandle.FromIntPtr(failure);
        var exception = (Exception)handle.Target!;
        handle.Free();
        ExceptionDispatchInfo.Throw(exception);
    }
}

/// <summary>
/// Runs blocks on libtorch's own OpenMP team: its threads spin for a while after every operation, and others would fight them.
/// Where libtorch has no GNU OpenMP, on the thread pool.
/// </summary>
internal static unsafe class ThreadTeam
{
    private static OpenMP? team;

    /// <summary>Runs every block, and returns when all are done.</summary>
    internal static void Run(BlockRun run)
    {
        team ??= OpenMP.Find();
        var threads = Math.Min(team?.Threads ?? Environment.ProcessorCount, run.Blocks);
        if (threads <= 1)
            run.RunShare(0, 1);
        else if (team is { Parallel: not 0 })
            ((delegate* unmanaged<delegate* unmanaged<void*, void>, void*, uint, uint, void>)team.Parallel)(&Member, &run, (uint)threads, 0);
        else
            RunOnPool(&run, threads);
        run.ThrowFailure();
    }

    // On its own, so that its closure costs nothing where there is a team.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RunOnPool(BlockRun* run, int threads) =>
        System.Threading.Tasks.Parallel.For(0, threads, member => run->RunShare(member, threads));

    [UnmanagedCallersOnly]
    private static void Member(void* run) =>
        ((BlockRun*)run)->RunShare(((delegate* unmanaged<int>)team!.ThreadNumber)(), ((delegate* unmanaged<int>)team.ThreadCount)());
}
