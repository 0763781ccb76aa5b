using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>The kernel's entry: scalars, and the stages by name.</summary>
internal sealed partial class SimdMethod
{
    // Scalars in memory that are to be initialised but are not yet: the first block-wise reduction assigns them.
    private readonly Dictionary<int, LoopNode.Initialise> initialised = [];
    private readonly HashSet<int> fresh = [];

    /// <summary>Memory for what lives from one stage to another.</summary>
    public void Allocate()
    {
        foreach (var buffer in program.Buffers)
        {
            var gate = kernel.Gates.Buffer(buffer.Id);
            if (buffer.Scope != BufferScope.Global || buffer.Role is BufferRole.Input or BufferRole.Output or BufferRole.Residual || gate == SimdGate.Never)
                continue;
            var condition = gate.IsAlways ? "" : Condition(gate);
            if (buffer.Role == BufferRole.Gradient)
            {
                // A gradient that others are computed from is computed even where it is not wanted itself.
                var own = Needs(kernel.GradientNumber(buffer.Id));
                if (condition == own)
                    continue;
                condition = condition.Length == 0 ? "!" + own : $"!{own} && ({condition})";
            }

            // Not in memory that may not be there.
            var isOver = buffer.Over >= 0 && kernel.Gates.Buffer(buffer.Over).Contains(gate);
            var type = buffer.Kind switch { ElementKind.Real => "T", ElementKind.Integer => "long", _ => "byte" };
            var allocation = isOver ? $"frame.Share({Text(buffer.Id)}, {Text(buffer.Over)});" : $"frame.Allocate<{type}>({Text(buffer.Id)}, {Length(buffer).Text});";
            head[(HeadGroup.Allocation, buffer.Id, buffer.Kind)] = ("", condition.Length == 0 ? allocation : $"if ({condition})\n    {allocation}");
        }
    }

    // In the kernel's entry: the stages so far, and the one that is being written. Null elsewhere.
    private List<(SimdLoop Loop, string Name, string Comment)>? stages;
    private string stageComment = "";

    /// <summary>The outermost nodes of a stage: scalars here, each loop as a stage of its own.</summary>
    public void Root(List<SimdNode> nodes, Stage stage, List<(SimdLoop Loop, string Name, string Comment)> stages)
    {
        this.stages = stages;
        stageComment = stage.Comment;
        Body(nodes, SimdGate.Always);
        foreach (var buffer in initialised.Keys.OrderBy(b => b).ToArray())
            Settle(buffer, SimdGate.Always);
        FlushPending(loadsOnly: false);
    }

    /// <summary>A node of the entry; false where it is written as in any method.</summary>
    private bool RootNode(SimdNode node, SimdGate known)
    {
        if (node is SimdStatement { Node: LoopNode.Initialise initialise } && program.Buffers[initialise.Buffer] is { Scope: BufferScope.Global, Extents.Count: 0 })
        {
            initialised[initialise.Buffer] = initialise;
            return true;
        }

        Settle(node, known);
        if (node is not SimdLoop loop)
            return false;
        FlushPending(loadsOnly: false);
        var name = "Stage" + Text(stages!.Count);
        stages.Add((loop, name, stages.Any(s => s.Comment == stageComment) ? "" : stageComment));
        Call(loop, name);
        return true;
    }

    private void Call(SimdLoop loop, string name)
    {
        if (!kernel.IsBlock(loop))
        {
            writer.Line($"{name}<T, V, {SimdExpressions.Namespace}LanesLeft>(ref frame);");
            return;
        }

        var arguments = new List<string> { ExtentOf(loop.Variable.Extent).Text };
        if (Elements(loop) is { } elements)
            arguments.Add("elements: " + elements);
        if (loop.Accumulators.Count > 0)
            arguments.Add("accumulators: " + Text(loop.Accumulators.Count));
        if (!loop.Variable.IsVector)
        {
            arguments.Add("isLanes: false");
            if (string.Join(" | ", SimdTree.Loops(loop.Body).Where(l => l.Variable.IsVector).Select(l => l.Variable.Extent).Distinct().Select(e => ExtentOf(e).Operand)) is { Length: > 0 } inner)
                arguments.Add("inner: " + inner);
        }

        if (kernel.RowsIn(loop) is { Count: > 0 } rows)
            arguments.Add($"rows: [{string.Join(", ", rows.Select(r => Text(r)))}]");

        if (SimdTree.Loops(loop.Body).Any(l => l.When is not null))
            arguments.Add("isUneven: true");

        writer.Line($"frame.ForEachBlock<{name}, T, V>({string.Join(", ", arguments)});");
        CombineBlocks(loop);
    }

    /// <summary>A product of matrices: the runtime hands it to libtorch, on the calling thread.</summary>
    private void Contract(LoopNode.Contract contract)
    {
        FlushPending(loadsOnly: true);
        string Operand(ContractOperand operand) => $"ref {BufferName(operand.Buffer)}, [{string.Join(", ", operand.Axes.Select(a => Text(a)))}]";
        writer.Line(
            $"{SimdExpressions.Namespace}Contraction.Run({Operand(contract.Left)}, {Operand(contract.Right)}, ref {BufferName(contract.Result.Buffer)}, {Text(contract.Result.Axes.Count)}, [{string.Join(", ", contract.Extents.Select(e => ExtentOf(e).Text))}]{(kernel.IsAddedTo(contract.Result.Buffer) ? ", isAdded: true" : "")});");
    }

    /// <summary>How many elements one iteration touches, by its inner loops; null for one.</summary>
    private string? Elements(SimdLoop loop)
    {
        var products = new List<string>();
        Walk(loop, []);
        return products.Count == 0 ? null : string.Join(" + ", products.Distinct());

        void Walk(SimdLoop outer, List<Extent> path)
        {
            foreach (var inner in outer.Body.OfType<SimdLoop>())
            {
                var extents = path.Append(inner.Variable.Extent).ToList();
                if (inner.Body.OfType<SimdLoop>().Any())
                    Walk(inner, extents);
                else
                    products.Add(Product(extents) is var product && product.IsPrimary ? product.Text : $"({product.Text})");
            }
        }
    }

    /// <summary>Writes initial values that a node is about to need; a reduction over blocks needs none.</summary>
    private void Settle(SimdNode node, SimdGate known)
    {
        foreach (var statement in SimdTree.Statements(node))
        {
            foreach (var (buffer, _) in LoopStatements.Accesses(statement.Node))
            {
                if (!initialised.ContainsKey(buffer))
                    continue;
                if (node is SimdLoop loop && kernel.IsBlock(loop) && loop.Accumulators.Any(a => a.Buffer == buffer))
                {
                    initialised.Remove(buffer);
                    fresh.Add(buffer);
                }
                else
                {
                    Settle(buffer, known);
                }
            }
        }
    }

    private void Settle(int buffer, SimdGate known)
    {
        var initialise = initialised[buffer];
        initialised.Remove(buffer);
        var target = program.Buffers[buffer];
        Line($"{BufferName(buffer)} = {Identity(initialise.Monoid, target.Kind)};", kernel.Gates.Buffer(buffer), known);
    }
}
