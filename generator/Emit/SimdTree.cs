using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>A node of the tree that the SIMD emitter rearranges before it writes: sequences are flat lists.</summary>
internal abstract class SimdNode
{
    /// <summary>Which gradients must be wanted for the node to be worth running.</summary>
    public SimdGate Gate { get; set; } = SimdGate.Never;
}

/// <summary>Anything but a loop or a sequence.</summary>
internal sealed class SimdStatement(LoopNode node) : SimdNode
{
    public LoopNode Node { get; } = node;

    /// <summary>The scalar it defines, or -1.</summary>
    public int Defines => LoopStatements.Defines(Node);
}

/// <summary>A loop, what was hoisted out of it where it has no list to go to, and the accumulators that live as long as it runs.</summary>
internal sealed class SimdLoop(LoopVariable variable, LoopCondition? when = null) : SimdNode
{
    public LoopVariable Variable { get; } = variable;

    /// <summary>When it runs; null for always.</summary>
    public LoopCondition? When { get; } = when;

    public List<SimdNode> Prologue { get; } = [];

    public List<SimdNode> Body { get; set; } = [];

    public List<SimdAccumulator> Accumulators { get; } = [];
}

/// <summary>A reduction that is kept in registers while a loop runs: a register buffer's, or a place in memory that the loop only combines into.</summary>
internal sealed class SimdAccumulator(int buffer, Monoid monoid, ElementKind kind, EquatableArray<IndexExpression> index)
{
    public int Buffer { get; } = buffer;

    public Monoid Monoid { get; } = monoid;

    /// <summary>The kind of what is combined.</summary>
    public ElementKind Kind { get; } = kind;

    /// <summary>Where it goes in the end; empty for registers.</summary>
    public EquatableArray<IndexExpression> Index { get; } = index;

    /// <summary>Whether it is declared inside the vector loop: each lane then is a result of its own.</summary>
    public bool IsPerLane { get; set; }

    /// <summary>Whether anything is combined inside the vector loop.</summary>
    public bool CombinesLanes { get; set; }

    /// <summary>Whether it is a buffer of the program that lives in registers, and so is read there.</summary>
    public bool IsRegister { get; set; }

    public string Name { get; set; } = "";
}

/// <summary>Makes the tree, and asks questions about its parts.</summary>
internal static class SimdTree
{
    public static List<SimdNode> Of(LoopProgram program, LoopNode node)
    {
        var nodes = new List<SimdNode>();
        Append(program, node, nodes);
        return nodes;
    }

    /// <summary>Every statement below, in order, loops' prologues first.</summary>
    public static IEnumerable<SimdStatement> Statements(IEnumerable<SimdNode> nodes)
    {
        foreach (var node in nodes)
        {
            if (node is SimdStatement statement)
                yield return statement;
            else if (node is SimdLoop loop)
                foreach (var inner in Statements(loop.Prologue.Concat(loop.Body)))
                    yield return inner;
        }
    }

    public static IEnumerable<SimdStatement> Statements(SimdNode node) => Statements([node]);

    /// <summary>Every node below, loops before what is in them.</summary>
    public static IEnumerable<SimdNode> Nodes(IEnumerable<SimdNode> nodes) => nodes.SelectMany(n => n is SimdLoop loop ? Nodes(loop.Body).Prepend(n) : [n]);

    /// <summary>All loops, outermost first.</summary>
    public static IEnumerable<SimdLoop> Loops(IEnumerable<SimdNode> nodes) => Nodes(nodes).OfType<SimdLoop>();

    /// <summary>The scalars that nodes and all below them use, loops for their conditions, each as often as it is used.</summary>
    public static IEnumerable<int> Uses(IEnumerable<SimdNode> nodes) => nodes.SelectMany(Uses);

    public static IEnumerable<int> Uses(SimdNode node) => node is SimdLoop loop
        ? Uses(loop.Prologue.Concat(loop.Body)).Concat(loop.When is { } when ? [when.Value] : [])
        : LoopStatements.Uses(((SimdStatement)node).Node);

    private static void Append(LoopProgram program, LoopNode node, List<SimdNode> nodes)
    {
        switch (node)
        {
            case LoopNode.Sequence sequence:
                foreach (var child in sequence.Children)
                    Append(program, child, nodes);
                break;
            case LoopNode.Loop loop:
                var inner = new SimdLoop(program.Loops[loop.Variable], loop.When);
                Append(program, loop.Body, inner.Body);
                nodes.Add(inner);
                break;
            default:
                nodes.Add(new SimdStatement(node));
                break;
        }
    }
}
