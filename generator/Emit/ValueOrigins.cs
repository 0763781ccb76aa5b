using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>Where the values and buffers of a loop program come from: what emitters ask before they name a value, or trust an index.</summary>
internal sealed class ValueOrigins(LoopProgram program)
{
    private readonly Dictionary<int, LoopNode> definitions = [];
    private readonly Dictionary<int, List<LoopNode>> writers = [];

    /// <summary>Notes what a statement defines and writes.</summary>
    public void Note(SimdStatement statement)
    {
        if (statement.Defines >= 0)
            definitions[statement.Defines] = statement.Node;
        foreach (var buffer in LoopStatements.Writes(statement.Node))
        {
            if (!writers.TryGetValue(buffer, out var nodes))
                writers[buffer] = nodes = [];
            if (statement.Node is not LoopNode.Initialise)
                nodes.Add(statement.Node);
        }
    }

    /// <summary>The buffer that a value is loaded from; null where it is computed.</summary>
    public int? LoadedFrom(int value) => definitions.TryGetValue(value, out var node) && node is LoopNode.Load load ? load.Buffer : null;

    /// <summary>Whether anything writes or clears a buffer.</summary>
    public bool IsWritten(int buffer) => writers.ContainsKey(buffer);

    /// <summary>What writes a buffer, but for what clears it.</summary>
    public IReadOnlyList<LoopNode> WritersOf(int buffer) => writers.TryGetValue(buffer, out var nodes) ? nodes : [];

    /// <summary>
    /// Whether an index must be checked before it is used. A permutation that the sort routine wrote is right by construction along the
    /// axis that was sorted.
    /// </summary>
    public bool NeedsCheck(int value, Extent extent) =>
        !(LoadedFrom(value) is { } buffer
            && program.Buffers[buffer].Role == BufferRole.Workspace
            && WritersOf(buffer) is { Count: > 0 } sources
            && sources.All(s => s is LoopNode.Extern { Name: "sort" } sort && sort.Length == extent));

    /// <summary>The buffer that an index out of range is blamed on: where it was read, or the one it points into.</summary>
    public int IndexBuffer(int value, int indexed) => IndexLoad(value)?.Buffer ?? indexed;

    /// <summary>The reading of an input of whole numbers that a value is, or is computed from.</summary>
    public LoopNode.Load? IndexLoad(int value) => IndexLoad(value, []);

    private LoopNode.Load? IndexLoad(int value, HashSet<int> seen)
    {
        if (!seen.Add(value) || !definitions.TryGetValue(value, out var node))
            return null;
        return node switch
        {
            LoopNode.Load load => program.Buffers[load.Buffer] is { Role: BufferRole.Input, Kind: ElementKind.Integer } ? load : null,
            LoopNode.Compute compute => compute.Operands.Where(o => o.Kind == LoopAtomKind.Value && program.Values[o.Id] == ElementKind.Integer)
                .Select(o => IndexLoad(o.Id, seen)).FirstOrDefault(l => l is not null),
            _ => null,
        };
    }
}
