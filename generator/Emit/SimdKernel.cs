using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>What the methods of one generated kernel share: the rearranged stages, names, and facts about buffers and values.</summary>
internal sealed class SimdKernel
{
    private readonly EquatableArray<string> axisNames;
    private readonly ProgramOutput[] gradients;
    private readonly ValueOrigins origins;
    private readonly Dictionary<int, int> storedTo = [];
    private readonly HashSet<SimdLoop> blocks = [];
    private readonly SimdStorage storage;

    public SimdKernel(LoopProgram program, EquatableArray<string> axisNames)
    {
        this.axisNames = axisNames;
        Program = ScatterInLanes(ShareBetweenMethods(program));
        origins = new(Program);
        gradients = program.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        Stages = Program.Stages.Select(s => SimdTree.Of(Program, s.Body)).ToArray();
        var rearrangement = new SimdRearrangement(Program);
        foreach (var stage in Stages)
        {
            rearrangement.Hoist(stage);
            rearrangement.Promote(stage);
        }

        Accumulators = rearrangement.Accumulators;
        Registers = rearrangement.Registers;
        Gates = new SimdGates(Program, Stages);
        foreach (var stage in Stages)
            SimdRearrangement.Prune(stage);
        foreach (var stage in Stages)
        {
            SimdRearrangement.Sink(stage);
            blocks.UnionWith(stage.OfType<SimdLoop>().Where(l => l.Variable.Iterator == IteratorType.Parallel));
        }

        foreach (var statement in Stages.SelectMany(SimdTree.Statements))
            Note(statement);
        storage = new(this);
    }

    public LoopProgram Program { get; }

    public IReadOnlyList<List<SimdNode>> Stages { get; }

    public SimdGates Gates { get; }

    public ValueOrigins Origins => origins;

    public Dictionary<LoopNode.Combine, SimdAccumulator> Accumulators { get; }

    public Dictionary<int, SimdAccumulator> Registers { get; }

    /// <summary>Whether a loop's iterations are run in blocks on the thread team.</summary>
    public bool IsBlock(SimdLoop loop) => blocks.Contains(loop);

    /// <summary>Whether a buffer is of its tensor's dtype, whichever that is.</summary>
    public bool IsStored(int buffer) => storage[buffer];

    /// <summary>The tensors whose rows the loops inside an outermost one take in the form that they are compiled for.</summary>
    public IReadOnlyList<int> RowsIn(SimdLoop outermost) => storage.RowsIn(outermost);

    /// <summary>Whether a product of matrices is added to the buffer by each tile: what the kernel gives of all tiles, and has not their axis.</summary>
    public bool IsAddedTo(int buffer) => Program.TiledAxis.Length > 0 && IsOutput(Program.Buffers[buffer])
        && Program.Buffers[buffer].Extents.FirstOrDefault() != Extent.Named(Program.TiledAxis)
        && origins.WritersOf(buffer).Any(n => n is LoopNode.Contract);

    /// <summary>Whether a buffer is assigned to, not only combined into.</summary>
    public bool IsAssigned(int buffer) => origins.WritersOf(buffer).Any(n => n is LoopNode.Store);

    /// <summary>Whether a buffer may be written past the cache: whole, in memory, and of numbers.</summary>
    public bool MayStream(int buffer) => Program.Buffers[buffer] is { Scope: BufferScope.Global, Kind: ElementKind.Real, Role: BufferRole.Output or BufferRole.Gradient or BufferRole.Residual };

    /// <summary>How many such buffers the loops in lanes that write this one write in turns.</summary>
    public int StreamsBeside(int buffer) => Stages.SelectMany(SimdTree.Loops).Where(l => l.Variable.IsVector).Select(Streams).Where(s => s.Contains(buffer)).Select(s => s.Count).DefaultIfEmpty(1).Max();

    private HashSet<int> Streams(SimdLoop loop) =>
        [.. SimdTree.Statements(loop.Body).Select(s => s.Node).OfType<LoopNode.Store>().Where(s => s.Predicate is null && MayStream(s.Buffer)).Select(s => s.Buffer)];

    public int AxisId(string axis)
    {
        for (var i = 0; i < axisNames.Count; i++)
            if (axisNames[i] == axis)
                return i;
        throw new InvalidOperationException($"Axis {axis} has no number.");
    }

    public string GradientName(int gradient) => gradients[gradient].Name;

    public int GradientNumber(int buffer) => Array.IndexOf(gradients, Program.Source.Outputs[Program.Buffers[buffer].Argument]);

    public string HostName(int scalar) => Program.Source.Host[scalar] is { Operation: HostOperation.Parameter } parameter ? parameter.Text : "scalar" + scalar.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>A host scalar as its formula, for a comment; empty where its name says it or it is long.</summary>
    public string HostComment(int scalar)
    {
        var text = Program.Source.Host[scalar].Operation == HostOperation.Parameter ? "" : HostText(scalar);
        return text.Length is 0 or > 60 ? "" : " // " + text;
    }

    private string HostText(int scalar)
    {
        var host = Program.Source.Host[scalar];
        var operands = host.Operands.Select(o => Program.Source.Host[o].Operation is HostOperation.Binary or HostOperation.Select ? "(" + HostText(o) + ")" : HostText(o)).ToArray();
        return host.Operation switch
        {
            HostOperation.Parameter or HostOperation.Literal => host.Text.Replace("global::", ""),
            HostOperation.Size => Program.Source.Host[scalar].Extent!.ToString(),
            HostOperation.IsPresent => host.Text + " is not null",
            HostOperation.HasUpstream => $"upstream({host.Text})",
            HostOperation.Unary => host.Text + operands[0],
            HostOperation.Binary => $"{operands[0]} {host.Text} {operands[1]}",
            HostOperation.Call => $"{host.Text.Replace("global::", "")}({string.Join(", ", operands)})",
            HostOperation.Convert => operands[0],
            _ => $"{operands[0]} ? {operands[1]} : {operands[2]}",
        };
    }

    /// <summary>How the memory of a buffer is called.</summary>
    public string BufferName(int id)
    {
        var buffer = Program.Buffers[id];
        return IsOutput(buffer) ? Result(buffer) + "Out" : Plain(buffer.Name);
    }

    /// <summary>How a value is called that is not written where it is used.</summary>
    public string NameOf(int value)
    {
        if (storedTo.TryGetValue(value, out var target))
            return Result(Program.Buffers[target]);
        if (origins.LoadedFrom(value) is { } buffer)
            return Plain(Program.Buffers[buffer].Name) + "Value";
        return "v" + value.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    public string AccumulatorName(SimdAccumulator accumulator)
    {
        var buffer = Program.Buffers[accumulator.Buffer];
        return IsOutput(buffer) ? Result(buffer) : Plain(buffer.Name);
    }

    private static bool IsOutput(LoopBuffer buffer) => buffer.Role is BufferRole.Output or BufferRole.Gradient or BufferRole.Residual;

    private static string Result(LoopBuffer buffer)
    {
        var name = Plain(buffer.Name);
        return buffer.Role == BufferRole.Gradient && name == buffer.Name ? "d" + SimdNames.Capital(name) : char.ToLowerInvariant(name[0]) + name.Substring(1);
    }

    // d_chosen, the derivative with respect to chosen, as C# writes it.
    private static string Plain(string name) => name.StartsWith("d_", StringComparison.Ordinal) ? "d" + SimdNames.Capital(name.Substring(2)) : name;

    private void Note(SimdStatement statement)
    {
        origins.Note(statement);
        if (statement.Node is LoopNode.Store { Operand.Kind: LoopAtomKind.Value } store && IsOutput(Program.Buffers[store.Buffer]))
            storedTo[store.Operand.Id] = store.Buffer;
    }

    // A loop that scatters may compute in lanes what it scatters lane by lane, in order.
    private static LoopProgram ScatterInLanes(LoopProgram program)
    {
        var chosen = new HashSet<int>();
        foreach (var stage in program.Stages)
            Choose(SimdTree.Of(program, stage.Body), isInLanes: false);
        return chosen.Count == 0 ? program : program with { Loops = program.Loops.Select(l => chosen.Contains(l.Id) ? l with { IsVector = true } : l).ToEquatableArray() };

        void Choose(List<SimdNode> nodes, bool isInLanes)
        {
            foreach (var loop in nodes.OfType<SimdLoop>())
            {
                var isVector = isInLanes || loop.Variable.IsVector;
                if (!isVector && loop.Variable.Iterator == IteratorType.Segment && loop.Body.All(n => n is SimdStatement) && CanScatter(loop))
                    chosen.Add(loop.Variable.Id);
                else
                    Choose(loop.Body, isVector);
            }
        }
    }

    private static bool CanScatter(SimdLoop loop)
    {
        var statements = SimdTree.Statements(loop).Select(s => s.Node).ToArray();
        var written = new HashSet<int>(statements.SelectMany(LoopStatements.Writes));
        return statements.All(s => s switch
        {
            LoopNode.Load load => !written.Contains(load.Buffer),
            LoopNode.Compute or LoopNode.Combine { Monoid: not Monoid.ArgMax } => true,
            _ => false,
        });
    }

    // Each outermost loop becomes a method of its own; registers and rows that several of them touch must be in memory.
    private static LoopProgram ShareBetweenMethods(LoopProgram program)
    {
        var touches = new Dictionary<int, int>();
        foreach (var stage in program.Stages)
            foreach (var node in SimdTree.Of(program, stage.Body))
                foreach (var buffer in SimdTree.Statements(node).SelectMany(s => LoopStatements.Accesses(s.Node).Select(a => a.Buffer).Concat(LoopStatements.Writes(s.Node))).Distinct())
                    touches[buffer] = touches.TryGetValue(buffer, out var count) ? count + (node is SimdLoop ? 2 : 1) : node is SimdLoop ? 2 : 1;
        bool IsShared(LoopBuffer buffer) => buffer.Scope != BufferScope.Global && touches.TryGetValue(buffer.Id, out var count) && count > 2;
        return program with
        {
            Buffers = program.Buffers.Select(b => IsShared(b) ? b with { Scope = BufferScope.Global } : b).ToEquatableArray(),
        };
    }
}
