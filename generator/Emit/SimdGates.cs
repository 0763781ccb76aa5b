using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>A set of gradients of which one must be wanted; or always.</summary>
internal readonly record struct SimdGate(bool IsAlways, ulong Gradients)
{
    public static SimdGate Never => default;

    public static SimdGate Always => new(true, 0);

    public static SimdGate operator |(SimdGate left, SimdGate right) =>
        left.IsAlways || right.IsAlways ? Always : new(false, left.Gradients | right.Gradients);

    /// <summary>Whether this is open whenever <paramref name="outer"/> is.</summary>
    public bool Contains(SimdGate outer) => IsAlways || (!outer.IsAlways && (outer.Gradients & ~Gradients) == 0);

    public IEnumerable<int> Numbers()
    {
        for (var i = 0; i < 64; i++)
            if ((Gradients & (1UL << i)) != 0)
                yield return i;
    }
}

/// <summary>
/// What is computed only for gradients that may not be wanted: gates flow from stores back to the loads and computations that feed
/// them, through workspace too.
/// </summary>
internal sealed class SimdGates
{
    private readonly SimdGate[] values;
    private readonly SimdGate[] buffers;

    public SimdGates(LoopProgram program, IReadOnlyList<List<SimdNode>> stages)
    {
        values = new SimdGate[program.Values.Count];
        buffers = new SimdGate[program.Buffers.Count];
        var gradients = program.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        foreach (var buffer in program.Buffers)
        {
            if (buffer.Role is BufferRole.Output or BufferRole.Residual)
                buffers[buffer.Id] = SimdGate.Always;
            else if (buffer.Role == BufferRole.Gradient)
                buffers[buffer.Id] = new(false, 1UL << Array.IndexOf(gradients, program.Source.Outputs[buffer.Argument]));
        }

        var statements = stages.SelectMany(SimdTree.Statements).ToArray();
        var conditions = stages.SelectMany(SimdTree.Loops).Where(l => l.When is not null).ToArray();
        while (Flow(statements) | Flow(conditions))
        {
        }

        foreach (var node in stages.SelectMany(s => s))
            Mark(node);
    }

    public SimdGate Buffer(int buffer) => buffers[buffer];

    public SimdGate Value(int value) => values[value];

    private bool Flow(SimdStatement[] statements)
    {
        var changed = false;
        foreach (var statement in statements)
        {
            var gate = Of(statement.Node);
            foreach (var value in LoopStatements.Uses(statement.Node))
                changed |= Widen(ref values[value], gate);
            foreach (var (buffer, _) in LoopStatements.Accesses(statement.Node))
                changed |= Widen(ref buffers[buffer], gate);
        }

        return changed;
    }

    /// <summary>Whether a loop runs is asked where anything in it is wanted.</summary>
    private bool Flow(SimdLoop[] conditions)
    {
        var changed = false;
        foreach (var loop in conditions)
            changed |= Widen(ref values[loop.When!.Value.Value], SimdTree.Statements(loop).Aggregate(SimdGate.Never, (gate, s) => gate | Of(s.Node)));
        return changed;
    }

    private SimdGate Of(LoopNode node)
    {
        var gate = node switch
        {
            LoopNode.Load load => values[load.Value],
            LoopNode.Compute compute => values[compute.Value],
            _ => SimdGate.Never,
        };
        foreach (var buffer in LoopStatements.Writes(node))
            gate |= buffers[buffer];
        return gate;
    }

    private static bool Widen(ref SimdGate gate, SimdGate by)
    {
        var wider = gate | by;
        var changed = wider != gate;
        gate = wider;
        return changed;
    }

    private SimdGate Mark(SimdNode node)
    {
        if (node is SimdStatement statement)
            return node.Gate = Of(statement.Node);
        var gate = SimdGate.Never;
        foreach (var inner in ((SimdLoop)node).Prologue.Concat(((SimdLoop)node).Body))
            gate |= Mark(inner);
        return node.Gate = gate;
    }
}
