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
    public HashSet<int> Written { get; set; } = [];

    public void Clear() => open.Clear();

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
    public bool MeetsItself(List<SimdNode> body, CudaMethod method, bool isRow)
    {
        var accesses = Accesses(body, method, null, isOwner: false).Where(a => !isRow || memory.Program.Buffers[a.Buffer].Scope == BufferScope.Row).ToArray();
        return accesses.Any(a => accesses.Any(b => Conflict(a, b)));
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
                yield return (cleared.Buffer, true, Filled(cleared.Buffer));
            foreach (var (buffer, index) in SimdTree.Accesses(statement))
            {
                if (!IsMemory(buffer))
                    continue;
                var isWrite = SimdTree.Writes(statement).Contains(buffer);
                yield return (buffer, isWrite, statement is LoopNode.Extern || isOwner ? null : lane is not null ? Key(buffer, index, lane) : isWrite ? FirstThread : null);
            }
        }
    }

    private bool IsMemory(int buffer) => Written.Contains(buffer) && memory.Program.Buffers[buffer].Scope != BufferScope.Register && memory.Program.Buffers[buffer].Extents.Count > 0;

    // A row of one axis is cleared by the threads that lanes over it have.
    private string? Filled(int buffer) => memory.Program.Buffers[buffer].Extents is [var extent] ? $"{extent}|0|0|1" : null;

    private static string? Key(int buffer, EquatableArray<IndexExpression> index, SimdLoop lane)
    {
        for (var p = 0; p < index.Count; p++)
            if (index[p] is IndexExpression.Affine { Terms: { Count: 1 } terms } affine && terms[0].Loop == lane.Variable.Id)
                return $"{lane.Variable.Extent}|{p}|{affine.Offset}|{terms[0].Stride}";
        return null;
    }
}
