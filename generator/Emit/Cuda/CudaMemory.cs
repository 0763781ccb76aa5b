using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>What the kernels of one loop program share: the tree of each stage, what is computed for which gradients, the buffers' names and types.</summary>
internal sealed class CudaMemory
{
    private readonly ValueOrigins origins;
    private readonly Dictionary<int, int> storedTo = [];
    private readonly HashSet<int> loaded = [];
    private readonly Dictionary<int, int> places = [];
    private readonly ProgramOutput[] gradients;

    public CudaMemory(LoopProgram program, EquatableArray<string> axisNames, ulong donations = 0)
    {
        Program = program;
        origins = new(program);
        AxisNames = axisNames;
        gradients = program.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        Stages = program.Stages.Select(s => SimdTree.Of(program, s.Body)).ToArray();
        Gates = new SimdGates(program, Stages);
        foreach (var stage in Stages)
            SimdRearrangement.Prune(stage);
        CudaReloads.Replace(program, Stages);
        foreach (var statement in Stages.SelectMany(SimdTree.Statements))
            Note(statement);
        foreach (var buffer in program.Buffers)
            if (GradientNumber(buffer.Id) is >= 0 and var k && (donations & (1UL << k)) != 0 && Donation.InputOf(program, gradients[k]) is { } input)
                places[buffer.Id] = input.Id;
        BufferNames = program.Buffers.Select(b => b.Scope == BufferScope.Global ? Names.Take(b.Name) : CudaNames.Plain(b.Name)).ToArray();
    }

    public LoopProgram Program { get; }

    public IReadOnlyList<List<SimdNode>> Stages { get; }

    public SimdGates Gates { get; }

    /// <summary>The named axes, by number.</summary>
    public EquatableArray<string> AxisNames { get; }

    /// <summary>What a fault's code says: the buffer that is blamed, and the axis that it is out of.</summary>
    public List<CudaFault> Faults { get; } = [];

    /// <summary>The names that every kernel of the program has.</summary>
    public CudaNames Names { get; } = new();

    public IReadOnlyList<string> BufferNames { get; }

    /// <summary>Whether a buffer is taken in its tensor's own dtype: what is written is written once and not read again.</summary>
    public bool IsStored(int id) => Program.Buffers[id] switch
    {
        { Role: BufferRole.Input, Kind: not ElementKind.Boolean } buffer => Program.Source.Inputs[buffer.Argument].Role != InputRole.Residual,
        { Role: BufferRole.Output or BufferRole.Gradient, Kind: ElementKind.Real } => !loaded.Contains(id) && origins.WritersOf(id).All(w => w is LoopNode.Store),
        _ => false,
    };

    /// <summary>The type of a buffer's elements in memory.</summary>
    public string ElementOf(int id) => IsStored(id) ? "STORE_" + BufferNames[id] : ElementOf(Program.Buffers[id].Kind);

    public static string ElementOf(ElementKind kind) => kind switch { ElementKind.Real => "real", ElementKind.Integer => "long long", _ => "unsigned char" };

    /// <summary>A scalar input that a call may lack: the upstream gradient of a scalar result.</summary>
    public bool IsOptionalUpstream(int id) =>
        Program.Buffers[id] is { Role: BufferRole.Input, Extents.Count: 0 } buffer && Program.Source.Inputs[buffer.Argument].Role == InputRole.Upstream;

    /// <summary>The gradients that may be written over their inputs.</summary>
    public static ulong Donations(LoopProgram program)
    {
        var isOfInput = program.Buffers.Where(b => b.Role == BufferRole.Gradient)
            .All(b => program.Buffers.All(i => i.Role != BufferRole.Input || program.Source.Inputs[i.Argument].Name != program.Source.Outputs[b.Argument].Name || i.Extents == b.Extents));
        return isOfInput ? Donation.Of(program) : 0;
    }

    /// <summary>The buffer whose memory a buffer may be: a gradient may be written over its input.</summary>
    public int Place(int id) => places.TryGetValue(id, out var place) ? place : id;

    public bool IsWritten(int id) => origins.IsWritten(id);

    public bool IsLoaded(int id) => loaded.Contains(id);

    public int GradientNumber(int id) => Program.Buffers[id].Role == BufferRole.Gradient ? Array.IndexOf(gradients, Program.Source.Outputs[Program.Buffers[id].Argument]) : -1;

    public LoopBuffer GradientBuffer(int gradient) => Program.Buffers.First(b => GradientNumber(b.Id) == gradient);

    /// <summary>How a value is called that is not written where it is used.</summary>
    public string NameOf(int value)
    {
        if (storedTo.TryGetValue(value, out var target))
            return BufferNames[target] + "Value";
        return origins.LoadedFrom(value) is { } buffer
            ? BufferNames[buffer] + "Value"
            : "v" + value.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    public string HostName(int scalar) => Program.Source.Host[scalar] is { Operation: HostOperation.Parameter } parameter
        ? parameter.Text
        : "scalar" + scalar.ToString(System.Globalization.CultureInfo.InvariantCulture);

    public int AxisId(string axis)
    {
        for (var i = 0; i < AxisNames.Count; i++)
            if (AxisNames[i] == axis)
                return i;
        throw new InvalidOperationException($"Axis {axis} has no number.");
    }

    /// <summary>The number of a fault.</summary>
    public int FaultOf(int value, int indexed, Extent extent)
    {
        var fault = new CudaFault(origins.IndexBuffer(value, indexed), extent);
        if (!Faults.Contains(fault))
            Faults.Add(fault);
        return Faults.IndexOf(fault);
    }

    /// <summary>The reading of an input that an index is, or is computed from.</summary>
    public LoopNode.Load? IndexLoad(int value) => origins.IndexLoad(value);

    /// <summary>Whether an index must be checked: a permutation that the sort routine wrote is right along the axis that was sorted.</summary>
    public bool NeedsCheck(int value, Extent extent) => origins.NeedsCheck(value, extent);

    private void Note(SimdStatement statement)
    {
        origins.Note(statement);
        switch (statement.Node)
        {
            case LoopNode.Load load:
                loaded.Add(load.Buffer);
                break;
            case LoopNode.Extern call:
                loaded.UnionWith(call.Operands.Where(o => !o.IsWritten).Select(o => o.Buffer));
                break;
            case LoopNode.Contract contract:
                loaded.Add(contract.Left.Buffer);
                loaded.Add(contract.Right.Buffer);
                break;
            case LoopNode.Store { Operand.Kind: LoopAtomKind.Value } store when Program.Buffers[store.Buffer].Role is BufferRole.Output or BufferRole.Gradient or BufferRole.Residual:
                storedTo[store.Operand.Id] = store.Buffer;
                break;
        }
    }
}
