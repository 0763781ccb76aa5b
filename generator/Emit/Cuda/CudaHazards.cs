using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>
/// Where the threads of a block must wait for each other: between two accesses to one place, of which one writes, by threads that may be
/// two. Accesses with the same key are to one place only in the same thread.
/// </summary>
internal sealed class CudaHazards(CudaMemory memory)
{
    private const string FirstThread = "first thread";

    private readonly List<(int Buffer, bool IsWrite, string? Key)> open = [];

    /// <summary>The buffers that the kernel writes; others need no care.</summary>
    public HashSet<int> Written { get; } = [];

    /// <summary>Notes what a kernel writes.</summary>
    public void Write(IEnumerable<int> buffers) => Written.UnionWith(buffers.Select(memory.Place));

    public void Clear() => open.Clear();

    /// <summary>What has been touched since the last barrier.</summary>
    public IReadOnlyList<(int Buffer, bool IsWrite, string? Key)> Open => [.. open];

    /// <summary>Notes again what was touched before something that may not have run, and with it no barrier of its own.</summary>
    public void Reopen(IReadOnlyList<(int Buffer, bool IsWrite, string? Key)> before) => open.AddRange(before.Where(a => !open.Contains(a)));

    /// <summary>Whether a barrier must come before a node; notes what it touches.</summary>
    public bool Meets(SimdNode node, CudaMethod method)
    {
        var accesses = Accesses([node], method, null, isOwner: false).ToArray();

        // A loop that all threads run notes what it touches as its body is written.
        var meets = accesses.Any(a => open.Any(o => Conflict(a, o)));
        if (meets)
            open.Clear();
        if (!(node is SimdLoop loop && method.IsUniform(loop)))
            open.AddRange(accesses);
        return meets;
    }

    /// <summary>Whether iterations of a loop that all threads run meet each other, so that each begins with a barrier.</summary>
    /// <param name="body">What is done in each.</param>
    /// <param name="method">The kernel.</param>
    /// <param name="loop">The loop; null for the items, of which each has memory of its own but for the rows of its block.</param>
    public bool MeetsItself(List<SimdNode> body, CudaMethod method, SimdLoop? loop)
    {
        var accesses = Accesses(body, method, null, isOwner: false).Where(a => loop is null ? memory.Program.Buffers[a.Buffer].Scope == BufferScope.Row : !IsOwn(a.Buffer, loop)).ToArray();
        return accesses.Any(a => accesses.Any(b => Conflict(a, b)));
    }

    /// <summary>Whether every access in a loop is to the iteration's own part of a buffer.</summary>
    private bool IsOwn(int place, SimdLoop loop)
    {
        string? common = null;
        foreach (var (_, index) in SimdTree.Statements(loop).SelectMany(s => SimdTree.Accesses(s.Node)).Where(a => memory.Place(a.Buffer) == place))
        {
            var key = Key(index, loop);
            if (key is null || (common is not null && common != key))
                return false;
            common = key;
        }

        return true;
    }

    private static bool Conflict((int Buffer, bool IsWrite, string? Key) left, (int Buffer, bool IsWrite, string? Key) right) =>
        left.Buffer == right.Buffer && (left.IsWrite || right.IsWrite) && (left.Key is null || left.Key != right.Key);

    private IEnumerable<(int Buffer, bool IsWrite, string? Key)> Accesses(IEnumerable<SimdNode> nodes, CudaMethod method, SimdLoop? lane, bool isOwner)
    {
        foreach (var node in nodes)
        {
            if (node is SimdLoop loop)
            {
                var inner = lane ?? (method.IsShared(loop) ? loop : null);
                foreach (var access in Accesses(loop.Body, method, inner, isOwner || (inner is null && method.IsOwned(loop))))
                    yield return access;
                continue;
            }

            var statement = ((SimdStatement)node).Node;
            if (statement is LoopNode.Initialise cleared && IsMemory(cleared.Buffer))
                yield return (memory.Place(cleared.Buffer), true, Filled(cleared.Buffer));
            foreach (var (buffer, index) in SimdTree.Accesses(statement))
            {
                if (!IsMemory(buffer))
                    continue;
                var isWrite = SimdTree.Writes(statement).Contains(buffer);
                var key = statement is LoopNode.Extern || isOwner ? null : lane is null ? isWrite ? FirstThread : null : method.IsVectorised(lane) ? null : Key(index, lane);
                yield return (memory.Place(buffer), isWrite, key);
            }
        }
    }

    private bool IsMemory(int buffer) => Written.Contains(memory.Place(buffer)) && memory.Program.Buffers[buffer].Scope != BufferScope.Register && memory.Program.Buffers[buffer].Extents.Count > 0;

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
