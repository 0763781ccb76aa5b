using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>
/// A loop program as CUDA kernels and the plan that launches them. The text calls nothing but the prelude of
/// runtime/Dpo.Autodiff/Cuda, and is read by NVRTC, by clang, and on the processor by a C++ compiler.
/// </summary>
/// <remarks>
/// Before: a verified loop program. After: one kernel for each outermost loop, one block for what stands outside loops and for the
/// results that all blocks have a part in; products and sorts of whole buffers are steps of the host. Steps run in order, so every
/// barrier of the loop program is one between launches.
/// </remarks>
public sealed class CudaEmitter
{
    private readonly CudaMemory memory;
    private readonly LoopProgram program;
    private readonly string name;
    private readonly List<CudaWorkspace> workspaces = [];
    private readonly List<CudaStep> steps = [];
    private readonly List<string> kernels = [];

    // What one block does before the next step that needs it.
    private readonly List<SimdNode> waiting = [];
    private readonly List<CudaTotal> totals = [];
    private readonly List<string> waitingComments = [];
    private readonly List<SimdStatement> scalars = [];
    private readonly Dictionary<SimdNode, int> order = [];
    private readonly Dictionary<int, SimdStatement> scalarOf = [];
    private int stage;

    private CudaEmitter(LoopProgram program, string name, EquatableArray<string> axisNames, ulong donations)
    {
        memory = new(CudaFission.Run(CudaRows.Run(program)), axisNames, donations);
        this.program = memory.Program;
        this.name = CudaNames.Plain(name);
    }

    /// <summary>The kernels of a loop program.</summary>
    /// <param name="program">What they do.</param>
    /// <param name="name">What their names begin with.</param>
    /// <param name="axisNames">The named axes, by number.</param>
    /// <param name="donations">Bit k is set if gradient k may be written over its input.</param>
    public static CudaPlan Emit(LoopProgram program, string name, EquatableArray<string> axisNames, ulong donations = 0)
    {
        var emitter = new CudaEmitter(program, name, axisNames, donations);
        for (emitter.stage = 0; emitter.stage < emitter.program.Stages.Count; emitter.stage++)
            emitter.Stage();
        emitter.Flush();
        return emitter.Plan();
    }

    private CudaPlan Plan()
    {
        var stored = program.Buffers.Select(b => memory.IsStored(b.Id)).ToArray();
        var types = program.Buffers.Where(b => stored[b.Id]).Select(b => $"#ifndef STORE_{memory.BufferNames[b.Id]}\n#define STORE_{memory.BufferNames[b.Id]} {CudaMemory.ElementOf(b.Kind)}\n#endif\n");
        var parts = new[] { string.Concat(types) }.Concat(kernels).Where(t => t.Length > 0);
        return new(
            string.Join("\n", parts),
            program,
            stored.ToEquatableArray(),
            memory.BufferNames.ToEquatableArray(),
            workspaces.ToEquatableArray(),
            memory.Faults.ToEquatableArray(),
            steps.ToEquatableArray());
    }

    private void Stage()
    {
        var nodes = memory.Stages[stage];
        foreach (var node in nodes)
        {
            order[node] = order.Count;
            switch (node)
            {
                case SimdLoop loop:
                    Loop(loop);
                    break;
                case SimdStatement { Defines: >= 0 } scalar:
                    scalars.Add(scalar);
                    scalarOf[scalar.Defines] = scalar;
                    break;
                case SimdStatement { Node: LoopNode.Initialise initialise } when program.Buffers[initialise.Buffer].Extents.Count > 0:
                    FlushBefore([node]);
                    Launch(m => m.Clear(initialise), CudaGrid.Elements, program.Buffers[initialise.Buffer].Extents, [], node.Gate, "clear", "");
                    break;
                case SimdStatement { Node: LoopNode.Initialise initialise } when IsTotal(initialise.Buffer):
                    break;
                case SimdStatement { Node: LoopNode.Contract contract }:
                    FlushBefore([node]);
                    steps.Add(new CudaStep.Contract(contract, Mask(node.Gate)));
                    break;
                case SimdStatement { Node: LoopNode.Extern { Name: "sort" } sort } when sort.Operands.All(o => IsWhole(o)):
                    FlushBefore([node]);
                    steps.Add(new CudaStep.Sort(sort.Operands[0].Buffer, sort.Operands[1].Buffer, sort.Operands[2].Buffer, ((Parameters.Sort)sort.Parameters).Descending, Mask(node.Gate)));
                    break;
                case SimdStatement { Node: LoopNode.Extern call }:
                    FlushBefore([node]);
                    Launch(m => m.Block([node], [], new HashSet<int>()), CudaGrid.Block, [], [call.Length], node.Gate, call.Name, Comment());
                    break;
                default:
                    waiting.Add(node);
                    if (!waitingComments.Contains(Comment()))
                        waitingComments.Add(Comment());
                    break;
            }
        }
    }

    private void Loop(SimdLoop loop)
    {
        var needed = Scalars([loop]);
        FlushBefore([.. needed, loop]);
        var nest = CudaNest.Of(program, loop);
        var method = Launch(m => m.Loop(nest, needed, loop.Gate), nest.Grid, nest.Items.Select(l => l.Variable.Extent).ToEquatableArray(), nest.Row, loop.Gate, "", Comment());
        totals.AddRange(method.Totals);
    }

    private CudaMethod Launch(Action<CudaMethod> write, CudaGrid grid, EquatableArray<Extent> items, EquatableArray<Extent> row, SimdGate gate, string what, string comment)
    {
        var method = new CudaMethod(memory, workspaces, steps.Count);
        write(method);
        var wish = InvariantText.Of($"{name}_stage{stage + 1}{(what.Length > 0 ? "_" + what : "")}");
        var kernel = wish;
        for (var i = 2; steps.OfType<CudaStep.Launch>().Any(s => s.Kernel == kernel); i++)
            kernel = InvariantText.Of($"{wish}_{i}");
        var launch = new CudaStep.Launch(kernel, grid, items, row, method.Arguments.ToEquatableArray(), Mask(gate));
        steps.Add(launch);
        kernels.Add(method.Text(kernel, $"{comment}\n{CudaPlanPrinter.Describe(launch)}".Trim('\n')));
        return method;
    }

    /// <summary>Lets one block do what waits, if the next step touches what it writes or writes what it reads.</summary>
    private void FlushBefore(IReadOnlyList<SimdNode> next)
    {
        var statements = next.SelectMany(SimdTree.Statements).Select(s => s.Node).ToArray();
        var touched = new HashSet<int>(statements.SelectMany(s => LoopStatements.Accesses(s).Select(a => a.Buffer).Concat(LoopStatements.Writes(s))));
        var written = new HashSet<int>(statements.SelectMany(LoopStatements.Writes));
        var block = Scalars(waiting).Concat(waiting).SelectMany(SimdTree.Statements).Select(s => s.Node).ToArray();
        if (totals.Any(t => touched.Contains(t.Buffer)) || block.Any(s => LoopStatements.Writes(s).Any(touched.Contains) || LoopStatements.Accesses(s).Any(a => written.Contains(a.Buffer))))
            Flush();
    }

    private void Flush()
    {
        if (waiting.Count == 0 && totals.Count == 0)
            return;
        var nodes = Scalars(waiting).Concat(waiting).OrderBy(n => order[n]).ToList();
        var here = new HashSet<SimdNode>(nodes);
        var readLater = new HashSet<int>(memory.Stages.SelectMany(s => s).Where(n => !here.Contains(n)).SelectMany(SimdTree.Statements)
            .Where(s => s.Node is not (LoopNode.Combine or LoopNode.Store)).SelectMany(s => LoopStatements.Accesses(s.Node)).Select(a => a.Buffer));
        var parts = totals.ToArray();
        var comment = string.Join("\n", waitingComments.Where(c => c.Length > 0));
        waiting.Clear();
        totals.Clear();
        waitingComments.Clear();
        stage = Math.Min(stage, program.Stages.Count - 1);
        Launch(m => m.Block(nodes, parts, readLater), CudaGrid.Block, [], [], SimdGate.Always, "total", comment);
    }

    /// <summary>What is computed outside loops and used in the nodes, in order.</summary>
    private List<SimdNode> Scalars(IEnumerable<SimdNode> nodes)
    {
        var needed = new HashSet<int>();
        var open = new Stack<int>(SimdTree.Uses(nodes));
        while (open.Count > 0)
        {
            var value = open.Pop();
            if (scalarOf.TryGetValue(value, out var scalar) && needed.Add(value))
                foreach (var operand in LoopStatements.Uses(scalar.Node))
                    open.Push(operand);
        }

        return scalars.Where(s => needed.Contains(s.Defines)).ToList<SimdNode>();
    }

    /// <summary>Whether a scalar is a result that the blocks of a loop have their parts in.</summary>
    private bool IsTotal(int buffer) =>
        memory.Stages.SelectMany(s => s).OfType<SimdLoop>().SelectMany(SimdTree.Statements).Any(s => s.Node is LoopNode.Combine combine && combine.Buffer == buffer);

    // The whole of a buffer that has one axis.
    private bool IsWhole(ExternOperand operand) => program.Buffers[operand.Buffer].Extents.Where((e, p) => p != operand.Position).All(e => e.IsOne);

    private string Comment() => program.Stages[Math.Min(stage, program.Stages.Count - 1)].Comment;

    private static ulong Mask(SimdGate gate) => gate.IsAlways ? 0 : gate.Gradients;
}
