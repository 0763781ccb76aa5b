using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    private readonly KernelBuffer* buffers;
    private readonly long* extents;
    private readonly double* scalars;
    private readonly ulong needs;
    private readonly KernelFault* fault;
    private BlockPartial* partials;
    private int blocks;
    private bool isLanes;
    private nint inner;
    private StorageType rows;

    internal KernelFrame(KernelBuffer* buffers, long* extents, double* scalars, ulong needs, KernelFault* fault)
    {
        this.buffers = buffers;
        this.extents = extents;
        this.scalars = scalars;
        this.needs = needs;
        this.fault = fault;
    }

    /// <summary>The first element of a buffer of numbers.</summary>
    public readonly ref T Real<T>(int buffer)
        where T : unmanaged => ref Unsafe.AsRef<T>((void*)buffers[buffer].Address);

    /// <summary>A buffer of numbers from element <paramref name="start"/> on.</summary>
    public readonly ref T Real<T>(int buffer, nint start)
        where T : unmanaged => ref Unsafe.AsRef<T>((T*)buffers[buffer].Address + start);

    /// <summary>A tensor's numbers, whatever its dtype.</summary>
    public readonly StoredReals<T> Reals<T>(int buffer)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => new(buffers[buffer]);

    /// <summary>A tensor's whole numbers, whatever its dtype.</summary>
    public readonly StoredIntegers Integers(int buffer) => new(buffers[buffer]);

    /// <summary>A tensor's rows, whatever its dtype, for one thread.</summary>
    /// <param name="buffer">The tensor.</param>
    /// <param name="length">The elements of a row.</param>
    /// <param name="written">The elements of the tensor, where rows are written: those of a large one are best written past the cache.</param>
    public readonly StoredRows<T> Rows<T>(int buffer, nint length, nint written = 0)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Rows<T, LanesLeft>(buffer, length, written);

    /// <summary>As the other, of a tensor whose rows the stage's loops take in its form.</summary>
    public readonly StoredRows<T> Rows<T, L>(int buffer, nint length, nint written = 0)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where L : struct, ILoopForm => new(buffers[buffer], length, written >= StreamingBytes / sizeof(short) && StreamsWell(VectorBytes * sizeof(short) / sizeof(T), 1), L.Storage);

    /// <summary>A buffer of whole numbers from element <paramref name="start"/> on.</summary>
    public readonly ref long Index(int buffer, nint start) => ref Unsafe.AsRef<long>((long*)buffers[buffer].Address + start);

    /// <summary>A buffer of conditions from element <paramref name="start"/> on.</summary>
    public readonly ref byte Boolean(int buffer, nint start) => ref Unsafe.AsRef<byte>((byte*)buffers[buffer].Address + start);

    /// <summary>The first element of a buffer of whole numbers.</summary>
    public readonly ref long Index(int buffer) => ref Unsafe.AsRef<long>((void*)buffers[buffer].Address);

    /// <summary>The first element of a buffer of conditions.</summary>
    public readonly ref byte Boolean(int buffer) => ref Unsafe.AsRef<byte>((void*)buffers[buffer].Address);

    /// <summary>The size of a named axis.</summary>
    public readonly nint Extent(int axis) => (nint)extents[axis];

    /// <summary>A scalar that the host computed.</summary>
    public readonly double Scalar(int scalar) => scalars[scalar];

    /// <summary>Whether a gradient is wanted; the buffer of one that is not is null.</summary>
    public readonly bool Needs(int gradient) => (needs & (1UL << gradient)) != 0;

    /// <summary>Whether a buffer is so large that it is best written past the cache, and can be.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="length">Its elements.</param>
    /// <param name="streams">How many such buffers the loop writes in turns.</param>
    public readonly bool Streams<T>(int buffer, nint length, int streams = 1)
        where T : unmanaged => Streams<T, LanesLeft>(buffer, length, streams);

    /// <summary>As the other, of a tensor whose rows the stage's loops take in its form.</summary>
    public readonly bool Streams<T, L>(int buffer, nint length, int streams = 1)
        where T : unmanaged
        where L : struct, ILoopForm
    {
        var bytes = StoredMemory.Bytes(L.Storage, sizeof(T));
        return length >= StreamingBytes / bytes && (buffers[buffer].Address & 63) == 0 && buffers[buffer].Storage == L.Storage
            && StreamsWell(VectorBytes * bytes / sizeof(T), streams);
    }

    /// <summary>Whether a row of a buffer that streams may be streamed too: it must begin where a vector may.</summary>
    public static bool IsAligned<T>(ref T row)
        where T : unmanaged => ((nint)Unsafe.AsPointer(ref row) & 63) == 0;

    /// <summary>Gives a workspace buffer its memory, which is not cleared. Reading it again gives the same memory.</summary>
    public readonly void Allocate<T>(int buffer, nint length)
        where T : unmanaged => buffers[buffer].Address = (nint)Workspace.Current.Take(checked(length * sizeof(T)));

    /// <summary>Gives a workspace buffer the memory of another, of which nothing is read any more where it is written.</summary>
    public readonly void Share(int buffer, int other) => buffers[buffer].Address = buffers[other].Address;

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
    /// <param name="isLanes">Whether iterations run in lanes, so that every block but the last must fill its vectors.</param>
    /// <param name="inner">The lengths of the loops inside that run in lanes, combined bit by bit: a multiple of the vector's lanes only where each of them is.</param>
    /// <param name="rows">The tensors whose rows the loops inside take in the stage's form.</param>
    /// <param name="isUneven">Whether some iterations may cost much less than others: rows that a mask discards.</param>
    /// <typeparam name="TStage">The stage.</typeparam>
    /// <typeparam name="T">The compute type.</typeparam>
    /// <typeparam name="V">The machine's vector of it.</typeparam>
    public void ForEachBlock<TStage, T, V>(nint extent, nint elements = 1, int accumulators = 0, bool isLanes = true, nint inner = 0, ReadOnlySpan<int> rows = default, bool isUneven = false)
        where TStage : ILoopStage
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        var size = BlockSize(extent, elements, isLanes ? 64 : 1);
        (this.isLanes, this.inner, this.rows) = (isLanes, inner, typeof(T) == typeof(float) ? StorageOf(rows) : StorageType.Own);
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
                RunStage<TStage, T, V>(ref this, 0, extent, 0);
            return;
        }

        fixed (KernelFrame* frame = &this)
            ThreadTeam.Run(new BlockRun(frame, &RunBlock<TStage, T, V>, extent, size, blocks, isUneven));
    }

    /// <summary>The sum of an accumulator's partial results, in the order of the blocks.</summary>
    public readonly double Sum(int accumulator)
    {
        var total = default(BlockPartial);
        for (var block = 0; block < blocks; block++)
            total.Add(Partial(accumulator, block));
        return total.Sum;
    }

    /// <summary>The largest of an accumulator's partial results; NaN if any is.</summary>
    public readonly double Max(int accumulator)
    {
        var largest = double.NegativeInfinity;
        for (var block = 0; block < blocks; block++)
            largest = Math.Max(largest, Partial(accumulator, block).Value);
        return largest;
    }

    /// <summary>The smallest of an accumulator's partial results; NaN if any is.</summary>
    public readonly double Min(int accumulator)
    {
        var smallest = double.PositiveInfinity;
        for (var block = 0; block < blocks; block++)
            smallest = Math.Min(smallest, Partial(accumulator, block).Value);
        return smallest;
    }

    /// <summary>Whether any of an accumulator's partial results is not 0.</summary>
    public readonly bool Any(int accumulator)
    {
        for (var block = 0; block < blocks; block++)
        {
            if (Partial(accumulator, block).Value != 0)
                return true;
        }

        return false;
    }

    /// <summary>The position of the largest of an accumulator's partial results: the first of equal ones, NaN before all.</summary>
    public readonly long ArgMax(int accumulator)
    {
        var best = default(BlockPartial);
        for (var block = 0; block < blocks; block++)
        {
            var partial = Partial(accumulator, block);
            if (partial.Error != 0 && (best.Error == 0 || VectorArgMax<double, V128<double>>.IsBefore(partial.Value, partial.Position, best.Value, best.Position)))
                best = partial;
        }

        return best.Position;
    }

    /// <summary>The sum of an accumulator's whole numbers, modulo 2^64.</summary>
    public readonly long SumInt64(int accumulator)
    {
        var total = 0L;
        for (var block = 0; block < blocks; block++)
            total = unchecked(total + Partial(accumulator, block).Position);
        return total;
    }

    /// <summary>The largest of an accumulator's whole numbers.</summary>
    public readonly long MaxInt64(int accumulator)
    {
        var largest = long.MinValue;
        for (var block = 0; block < blocks; block++)
            largest = Math.Max(largest, Partial(accumulator, block).Position);
        return largest;
    }

    /// <summary>The smallest of an accumulator's whole numbers.</summary>
    public readonly long MinInt64(int accumulator)
    {
        var smallest = long.MaxValue;
        for (var block = 0; block < blocks; block++)
            smallest = Math.Min(smallest, Partial(accumulator, block).Position);
        return smallest;
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

        if (extent <= 0)
            throw new KernelStoppedException();
        return Int64Lanes.Where(Int64Lanes.LessOrEqual(default, indices) & Int64Lanes.Less(indices, Int64Lanes.Create(extent)), indices, default);
    }

    /// <summary>As the other; lanes in which the condition does not hold are not looked at, and become 0.</summary>
    public readonly Int64Lanes InRange(int buffer, Int64Lanes indices, long extent, int count, Int64Lanes condition)
    {
        condition &= Int64Lanes.FirstLanes(count);
        indices = Int64Lanes.Where(condition, indices, default);
        return Int64Lanes.AnyLane(condition) ? InRange(buffer, indices, extent, count) : indices;
    }

    /// <summary>An index that is safe to read with: one that is out of range is noted as the call's fault, and becomes 0.</summary>
    public readonly nint InRange(int buffer, long index, long extent)
    {
        if ((ulong)index < (ulong)extent)
            return (nint)index;
        fault->Note(buffer, index, extent);
        if (extent <= 0)
            throw new KernelStoppedException();
        return 0;
    }

    /// <summary>As the other, where the condition holds; 0 elsewhere.</summary>
    public readonly nint InRange(int buffer, long index, long extent, bool condition) => condition ? InRange(buffer, index, extent) : 0;

    private static int VectorBytes => Vector512.IsHardwareAccelerated ? 64 : Vector256.IsHardwareAccelerated ? 32 : 16;

    // Past the cache memory is written a line of 64 bytes at a time. A loop that writes two of them half by half in turns makes the
    // processor give up both halves before they meet, and takes more than twice the time; quarters are late even alone.
    private static bool StreamsWell(int bytes, int streams) => bytes >= 64 || (bytes >= 32 && streams == 1);

    internal static nint BlockSize(nint extent, nint elements, nint multiple = 64)
    {
        var least = (ElementsPerBlock + Math.Max(elements, 1) - 1) / Math.Max(elements, 1);
        var size = Math.Max(least, (extent + MostBlocks - 1) / MostBlocks);
        return (Math.Max(size, 1) + multiple - 1) / multiple * multiple;
    }

    private static void RunBlock<TStage, T, V>(KernelFrame* frame, nint begin, nint end, int block)
        where TStage : ILoopStage
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        var workspace = Workspace.Current;
        var mark = workspace.Mark();
        RunStage<TStage, T, V>(ref *frame, begin, end, block);
        workspace.Release(mark);
    }

    private static void RunStage<TStage, T, V>(ref KernelFrame frame, nint begin, nint end, int block)
        where TStage : ILoopStage
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        if ((frame.isLanes ? end - begin : frame.inner) % V.Count == 0)
            RunForm<TStage, T, V, AllLanes>(ref frame, begin, end, block);
        else
            RunForm<TStage, T, V, LanesLeft>(ref frame, begin, end, block);
    }

    private static void RunForm<TStage, T, V, TLanes>(ref KernelFrame frame, nint begin, nint end, int block)
        where TStage : ILoopStage
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
        where TLanes : struct, ILoopForm
    {
        if (typeof(T) != typeof(float) || frame.rows == StorageType.Own)
            TStage.Run<T, V, TLanes>(ref frame, begin, end, block);
        else if (frame.rows == StorageType.BFloat16)
            TStage.Run<T, V, HalfRows<TLanes, BFloat16Format>>(ref frame, begin, end, block);
        else
            TStage.Run<T, V, HalfRows<TLanes, Float16Format>>(ref frame, begin, end, block);
    }

    /// <summary>The 16-bit format that the rows of all these tensors have, of those that are there; the compute type where they differ.</summary>
    private readonly StorageType StorageOf(ReadOnlySpan<int> rows)
    {
        var common = StorageType.Own;
        foreach (var row in rows)
        {
            if (buffers[row].Address == 0)
                continue;
            var storage = StoredMemory.StorageOf(buffers[row]);
            if (storage is not (StorageType.BFloat16 or StorageType.Float16) || (common != StorageType.Own && common != storage))
                return StorageType.Own;
            common = storage;
        }

        return common;
    }
}
