using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>Where a stored variable is.</summary>
/// <param name="Accumulator">The accumulator of a reduction; -1 for none.</param>
/// <param name="Memory">The buffer that others read; -1 where every reader is inside the same iteration.</param>
/// <param name="Positions">The variable's positions that <paramref name="Memory"/> has; the others are the current iteration's.</param>
internal sealed record Storage(int Accumulator, int Memory, EquatableArray<int> Positions);

/// <summary>
/// Chooses the buffers. What is produced and consumed within one iteration contracts: to an accumulator or nothing at all, or to a row.
/// </summary>
internal sealed class StorageMap
{
    private readonly Materialisation program;
    private readonly ISet<LoopGroup> vectors;
    private readonly Dictionary<int, Storage> storages = [];

    private StorageMap(Materialisation program, ISet<LoopGroup> vectors)
    {
        this.program = program;
        this.vectors = vectors;
    }

    public List<LoopBuffer> Buffers { get; } = [];

    /// <summary>For each input variable, its buffer.</summary>
    public Dictionary<int, int> Inputs { get; } = [];

    /// <summary>How many loops are outside of the place where a statement's buffer is cleared before it is accumulated into.</summary>
    public Dictionary<Statement, int> InitialiseDepth { get; } = [];

    /// <summary>What stored variables, and others that are outputs, are called.</summary>
    public Dictionary<int, string> Names { get; } = [];

    public Storage this[int variable] => storages[variable];

    public int OutputBuffer(int output) => program.Program.Inputs.Count + output;

    public static StorageMap Of(Materialisation program, ISet<LoopGroup> vectors)
    {
        var map = new StorageMap(program, vectors);
        map.AddArguments();
        foreach (var statement in program.Statements)
            map.Choose(statement);
        return map;
    }

    private void AddArguments()
    {
        var source = program.Program;
        for (var i = 0; i < source.Inputs.Count; i++)
        {
            var type = source.Types[source.Inputs[i].Variable];
            Inputs[source.Inputs[i].Variable] = Add(source.Inputs[i].Name, type.Kind, type.Extents, BufferScope.Global, BufferRole.Input, i);
        }

        for (var i = 0; i < source.Outputs.Count; i++)
        {
            var (output, type) = (source.Outputs[i], source.Types[source.Outputs[i].Variable]);
            var role = output.Role switch { OutputRole.Result => BufferRole.Output, OutputRole.Gradient => BufferRole.Gradient, _ => BufferRole.Residual };
            Add(role == BufferRole.Gradient ? "d_" + output.Name : output.Name, type.Kind, type.Extents, BufferScope.Global, role, i);
        }
    }

    private void Choose(Statement statement)
    {
        if (statement.Kind == StatementKind.Copy)
            Names[statement.Variable] = Buffers[OutputBuffer(statement.Outputs[0])].Name;
        foreach (var result in statement.Results)
        {
            storages[result] = Choose(statement, result);
            var buffer = storages[result].Memory >= 0 ? storages[result].Memory : storages[result].Accumulator;
            Names[result] = buffer >= 0 ? Buffers[buffer].Name : Name(statement, result);
        }

        if (statement.Kind == StatementKind.Reduce)
            InitialiseDepth[statement] = statement.KeptDepth;
    }

    private Storage Choose(Statement statement, int variable)
    {
        var type = program.TypeOf(variable);
        var name = Name(statement, variable);
        var output = statement.Outputs[Materialisation.Slot(statement, variable)];
        var isReduction = statement.Kind == StatementKind.Reduce;
        var kept = statement.KeptDepth;
        var all = Enumerable.Range(0, type.Rank).ToEquatableArray();
        if (isReduction && kept == 0)
        {
            var total = output >= 0 ? OutputBuffer(output) : Add(name, type.Kind, [], BufferScope.Global, BufferRole.Workspace);
            return new Storage(total, total, []);
        }

        var accumulator = isReduction ? Add(name, type.Kind, [], BufferScope.Register, BufferRole.Workspace) : -1;
        if (output >= 0)
        {
            InitialiseDepth[statement] = 0;
            return new Storage(accumulator, OutputBuffer(output), all);
        }

        var shared = SharedDepth(statement, variable, kept);

        // Outside all loops there is no iteration that readers share: the next stage's are elsewhere.
        if (shared == kept && kept > 0 && statement.Kind is (StatementKind.Store or StatementKind.Reduce))
            return new Storage(accumulator, -1, []);

        // A row is one iteration's; the lanes of a vector are many.
        var contracted = statement.Path.Take(shared).TakeWhile(loop => !vectors.Contains(loop)).ToArray();
        var dropped = contracted.Select(loop => statement.Axes[statement.AxisOf(loop)].Position).ToArray();
        var positions = all.Where(p => !dropped.Contains(p)).ToEquatableArray();
        InitialiseDepth[statement] = contracted.Length;
        var scope = contracted.Length > 0 ? BufferScope.Row : BufferScope.Global;
        if (isReduction)
            name += scope == BufferScope.Row ? "Row" : "All";
        return new Storage(accumulator, Add(name, type.Kind, positions.Select(p => type.Extents[p]).ToEquatableArray(), scope, BufferRole.Workspace), positions);
    }

    /// <summary>How many of a statement's outermost loops all readers share.</summary>
    private int SharedDepth(Statement statement, int variable, int kept)
    {
        var shared = kept;
        foreach (var reader in program.Statements.Where(s => s.Reads.Any(r => r.Variable == variable)))
        {
            var common = 0;
            while (common < shared && common < reader.Path.Count && reader.Path[common] == statement.Path[common])
                common++;
            shared = common;
        }

        return shared;
    }

    private int Add(string name, ElementKind kind, EquatableArray<Extent> extents, BufferScope scope, BufferRole role, int argument = -1)
    {
        Buffers.Add(new LoopBuffer(Buffers.Count, name, kind, extents, scope, role, argument));
        return Buffers.Count - 1;
    }

    private static string Name(Statement statement, int variable)
    {
        var name = ProgramPrinter.Name(statement.Equation!.Primitive).Replace("_", "");
        return name + variable.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }
}
