using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>
/// Where the threads of a block must wait for each other: between two accesses to one place, of which one writes, by threads that may be
/// two. Accesses with the same key are to one place only in the same thread.
/// </summary>
/// <remarks>
/// A barrier stands before the first node that meets what has been touched since the last one, so that no two stand where one is enough.
/// Reductions over the block, and scans, have barriers of their own: what is touched before them and after them does not meet.
/// </remarks>
internal sealed class CudaHazards
{
    private const string FirstThread = "first thread";

    private readonly CudaMemory memory;
    private readonly CudaMethod method;
    private readonly HashSet<int> written;
    private readonly HashSet<SimdNode> barriers = [];

    /// <summary>Finds where barriers stand.</summary>
    /// <param name="memory">What the kernels share.</param>
    /// <param name="method">The kernel: who runs what.</param>
    /// <param name="parts">The lists of nodes that are done one after the other.</param>
    /// <param name="areItems">Whether they are done again for each item of the block, which has memory of its own but for the block's rows.</param>
    /// <param name="known">When the kernel runs.</param>
    public CudaHazards(CudaMemory memory, CudaMethod method, IReadOnlyList<List<SimdNode>> parts, bool areItems, SimdGate known)
    {
        this.memory = memory;
        this.method = method;
        written = new(parts.SelectMany(SimdTree.Statements).SelectMany(s => LoopStatements.Writes(s.Node)).Select(memory.Place));
        Repeat([], open => parts.Aggregate(open, (o, part) => Walk(o, part, known)), access => areItems && memory.Program.Buffers[access.Buffer].Scope == BufferScope.Row);
    }

    /// <summary>What a thread touches. The buffer is the one whose memory it is.</summary>
    private readonly record struct Access(int Buffer, bool IsWrite, string? Key);

    /// <summary>Whether all threads wait for each other before a node.</summary>
    public bool IsBefore(SimdNode node) => barriers.Contains(node);

    /// <summary>Walks a body until what an iteration leaves open meets nothing new in the next one. Returns what the last iteration leaves.</summary>
    private static HashSet<Access> Repeat(HashSet<Access> open, Func<HashSet<Access>, HashSet<Access>> walk, Func<Access, bool> isCarried)
    {
        var before = new HashSet<Access>(open);
        while (true)
        {
            var after = walk(before);
            var carried = after.Where(isCarried).Where(a => !before.Contains(a)).ToArray();
            if (carried.Length == 0)
                return after;
            before = [.. before, .. carried];
        }
    }

    /// <summary>Decides on the barriers of a list that all threads run, given what has been touched since the last one; returns the same for what follows.</summary>
    private HashSet<Access> Walk(HashSet<Access> before, List<SimdNode> nodes, SimdGate known)
    {
        var (open, entered) = (before, before);
        var reductions = new HashSet<int>(method.Reductions(nodes));
        for (var i = 0; i < nodes.Count; i++)
        {
            // What is done instead of the loop before comes after what stood before that.
            var isInstead = i > 0 && nodes[i] is SimdLoop { When: { } when } && nodes[i - 1] is SimdLoop { When: { } other } && when.IsOpposite(other) && !reductions.Contains(i - 1);
            var start = isInstead ? entered : open;
            var after = nodes[i] is SimdLoop loop && method.IsUniform(loop) ? Uniform(start, loop, loop.Gate.Contains(known) ? known : loop.Gate) : Step(start, nodes[i], known);
            (entered, open) = (start, isInstead ? [.. open, .. after] : after);
            if (reductions.Contains(i))
                open = [];
        }

        return open;
    }

    /// <summary>What all threads run an iteration after the other has its barriers inside, but for the one that its first iteration alone needs.</summary>
    private HashSet<Access> Uniform(HashSet<Access> open, SimdLoop loop, SimdGate known)
    {
        HashSet<Access> Body(HashSet<Access> entered) => Repeat(entered, o => Walk(o, loop.Body, known), a => !IsOwn(a.Buffer, loop));
        SimdNode[] Inside() => SimdTree.Nodes(loop.Body).Where(barriers.Contains).ToArray();

        Body([]);
        var few = Inside();
        var after = Body(open);
        barriers.Remove(loop);
        if (few.SequenceEqual(Inside()))
            return [.. open, .. after];
        barriers.Add(loop);
        return Body([]);
    }

    private HashSet<Access> Step(HashSet<Access> open, SimdNode node, SimdGate known)
    {
        var isScan = node is SimdStatement { Node: LoopNode.Extern { Name: not "sort" } };
        var accesses = Accesses([node], null, isOwner: false).ToArray();
        barriers.Remove(node);

        // A scan writes behind barriers of its own.
        if (accesses.Any(a => !(isScan && a.IsWrite) && open.Any(o => Conflict(a, o))))
        {
            barriers.Add(node);
            open = [];
        }

        // For a gradient that is not wanted there is no scan, and no barrier of it.
        return isScan && node.Gate.Contains(known) ? [.. accesses] : [.. open, .. accesses];
    }

    /// <summary>Whether every access in a loop is to the iteration's own part of a buffer.</summary>
    private bool IsOwn(int place, SimdLoop loop)
    {
        string? common = null;
        foreach (var (_, index) in SimdTree.Statements(loop).SelectMany(s => LoopStatements.Accesses(s.Node)).Where(a => memory.Place(a.Buffer) == place))
        {
            var key = Key(index, loop);
            if (key is null || (common is not null && common != key))
                return false;
            common = key;
        }

        return true;
    }

    private static bool Conflict(Access left, Access right) =>
        left.Buffer == right.Buffer && (left.IsWrite || right.IsWrite) && (left.Key is null || left.Key != right.Key);

    private IEnumerable<Access> Accesses(IEnumerable<SimdNode> nodes, SimdLoop? lane, bool isOwner)
    {
        foreach (var node in nodes)
        {
            if (node is SimdLoop loop)
            {
                var inner = lane ?? (method.IsShared(loop) ? loop : null);
                foreach (var access in Accesses(loop.Body, inner, isOwner || (inner is null && method.IsOwned(loop))))
                    yield return access;
                continue;
            }

            var statement = ((SimdStatement)node).Node;
            if (statement is LoopNode.Initialise cleared && IsMemory(cleared.Buffer))
                yield return new(memory.Place(cleared.Buffer), true, Filled(cleared.Buffer));
            foreach (var (buffer, index) in LoopStatements.Accesses(statement))
            {
                if (!IsMemory(buffer))
                    continue;
                var isWrite = LoopStatements.Writes(statement).Contains(buffer);
                var key = statement is LoopNode.Extern || isOwner ? null : lane is null ? isWrite ? FirstThread : null : method.IsVectorised(lane) ? null : Key(index, lane);
                yield return new(memory.Place(buffer), isWrite, key);
            }
        }
    }

    private bool IsMemory(int buffer) => written.Contains(memory.Place(buffer)) && memory.Program.Buffers[buffer].Scope != BufferScope.Register && memory.Program.Buffers[buffer].Extents.Count > 0;

    // A row of one axis is cleared by the threads that lanes over it have.
    private string? Filled(int buffer) => memory.Program.Buffers[buffer].Extents is [var extent] ? $"{extent}|0|0|1" : null;

    private static string? Key(EquatableArray<IndexExpression> index, SimdLoop lane)
    {
        for (var p = 0; p < index.Count; p++)
            if (index[p] is IndexExpression.Affine { Terms: { Count: 1 } terms } affine && terms[0].Loop == lane.Variable.Id)
                return $"{lane.Variable.Extent}|{p}|{affine.Offset}|{terms[0].Stride}";
        return null;
    }
}
