using System.Numerics;
using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// What a kernel sees of its call: contiguous buffers by id, extents, host scalars, which gradients are wanted, workspace, and the
/// blocks of its parallel stages.
/// </summary>
/// <remarks>
/// All its memory is native, pinned or on the launching thread's stack, so a stage may run on any thread of the team. Only
/// <see cref="KernelLauncher"/> makes one.
/// </remarks>
public unsafe ref struct KernelFrame
{
    // More blocks than threads on common machines, few enough that combining their partial results costs nothing.
    private const int MostBlocks = 64;

    // Below this many elements a block is not worth another thread.
    private const nint ElementsPerBlock = 16384;

    // Outputs from this size on would only push the inputs out of the cache.
    private const nint StreamingBytes = 4 << 20;

    private readonly nint* buffers;
    private readonly long* extents;
    private readonly double* scalars;
    private readonly ulong needs;
    private readonly KernelFault* fault;
    private BlockPartial* partials;
    private int blocks;

    internal KernelFrame(nint* buffers, long* extents, double* scalars, ulong needs, KernelFault* fault)
    {
        this.buffers = buffers;
        this.extents = extents;
        this.scalars = scalars;
        this.needs = needs;
        this.fault = fault;
    }

    /// <summary>The first element of a buffer of numbers.</summary>
    public readonly ref T Real<T>(int buffer)
        where T : unmanaged => ref Unsafe.AsRef<T>((void*)buffers[buffer]);

    /// <summary>The first element of a buffer of whole numbers.</summary>
    public readonly ref long Index(int buffer) => ref Unsafe.AsRef<long>((void*)buffers[buffer]);

    /// <summary>The first element of a buffer of conditions.</summary>
    public readonly ref byte Boolean(int buffer) => ref Unsafe.AsRef<byte>((void*)buffers[buffer]);

    /// <summary>The size of a named axis.</summary>
    public readonly nint Extent(int axis) => (nint)extents[axis];

    /// <summary>A scalar that the host computed.</summary>
    public readonly double Scalar(int scalar) => scalars[scalar];

    /// <summary>Whether a gradient is wanted; the buffer of one that is not is null.</summary>
    public readonly bool Needs(int gradient) => (needs & (1UL << gradient)) != 0;

    /// <summary>Whether a buffer of <paramref name="length"/> elements is so large that it is best written past the cache, and can be.</summary>
    public readonly bool Streams<T>(int buffer, nint length)
        where T : unmanaged => length >= StreamingBytes / sizeof(T) && (buffers[buffer] & 63) == 0;

    /// <summary>Gives a workspace buffer its memory, which is not cleared. Reading it again gives the same memory.</summary>
    public readonly void Allocate<T>(int buffer, nint length)
        where T : unmanaged => buffers[buffer] = (nint)Workspace.Current.Take(checked(length * sizeof(T)));

    /// <summary>Memory, not cleared: for the rest of the call, or inside a stage for the rest of its block.</summary>
    public readonly ref T Take<T>(nint length)
        where T : unmanaged => ref Unsafe.AsRef<T>(Workspace.Current.Take(checked(length * sizeof(T))));

    /// <summary>How many blocks the last parallel stage had.</summary>
    public readonly int Blocks => blocks;

    /// <summary>The partial result of a block for an accumulator of the stage.</summary>
    public readonly ref BlockPartial Partial(int accumulator, int block) => ref partials[(accumulator * MostBlocks) + block];

    /// <summary>
    /// Runs a stage over 0 to <paramref name="extent"/> - 1 in blocks that depend on the extent alone, so results do not depend on
    /// the number of threads. Partial results are cleared before.
    /// </summary>
    /// <param name="extent">The number of iterations.</param>
    /// <param name="elements">The work of one iteration, in elements.</param>
    /// <param name="accumulators">How many partial results each block leaves.</param>
    /// <typeparam name="TStage">The stage.</typeparam>
    /// <typeparam name="T">The compute type.</typeparam>
    /// <typeparam name="V">The machine's vector of it.</typeparam>
    public void ForEachBlock<TStage, T, V>(nint extent, nint elements = 1, int accumulators = 0)
        where TStage : ILoopStage
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        var size = BlockSize(extent, elements);
        blocks = (int)((extent + size - 1) / size);
        if (accumulators > 0)
        {
            partials = (BlockPartial*)Workspace.Current.Take(accumulators * MostBlocks * sizeof(BlockPartial));
            for (var accumulator = 0; accumulator < accumulators; accumulator++)
                new Span<BlockPartial>(partials + (accumulator * MostBlocks), blocks).Clear();
        }

        if (blocks <= 1)
        {
            if (extent > 0)
                TStage.Run<T, V>(ref this, 0, extent, 0);
            return;
        }

        fixed (KernelFrame* frame = &this)
            ThreadTeam.Run(new BlockRun(frame, &RunStage<TStage, T, V>, extent, size, blocks));
    }

    /// <summary>The sum of an accumulator's partial results, in the order of the blocks.</summary>
    public readonly double Sum(int accumulator)
    {
        var total = default(BlockPartial);
        for (var block = 0; block < blocks; block++)
            total.Add(Partial(accumulator, block));
        return total.Sum;
    }

    /// <summary>
    /// Indices that are safe to read with: those of the first <paramref name="count"/> lanes that are out of range are noted as the
    /// call's fault, which the launcher reports, and become 0, as do the other lanes.
    /// </summary>
    public readonly Int64Lanes InRange(int buffer, Int64Lanes indices, long extent, int count)
    {
        if (Int64Lanes.InRange(indices, extent, count))
            return indices;
        count = Math.Min(count, Int64Lanes.Capacity);
        for (var lane = 0; lane < count; lane++)
        {
            if ((ulong)indices[lane] >= (ulong)extent)
                fault->Note(buffer, indices[lane], extent);
        }

        return Int64Lanes.Where(Int64Lanes.LessOrEqual(default, indices) & Int64Lanes.Less(indices, Int64Lanes.Create(extent)), indices, default);
    }

    internal static nint BlockSize(nint extent, nint elements)
    {
        var least = (ElementsPerBlock + Math.Max(elements, 1) - 1) / Math.Max(elements, 1);
        var size = Math.Max(least, (extent + MostBlocks - 1) / MostBlocks);
        return (Math.Max(size, 1) + 63) / 64 * 64;
    }

    private static void RunStage<TStage, T, V>(KernelFrame* frame, nint begin, nint end, int block)
        where TStage : ILoopStage
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        var workspace = Workspace.Current;
        var mark = workspace.Mark();
        TStage.Run<T, V>(ref *frame, begin, end, block);
        workspace.Release(mark);
    }
}
