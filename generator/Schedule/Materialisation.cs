using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// What is stored. In: a lowered program and the pointwise variables that are to be stored besides. Out: the statements in order: what
/// cannot be evaluated at one place (reductions, scatters, scans, sorts, strided pads), what those read whole, and the outputs.
/// </summary>
internal sealed class Materialisation
{
    private readonly Program program;
    private readonly Equation?[] definitions;
    private readonly bool[] isStored;
    private readonly bool[] isInput;
    private Relevance? relevance;

    private Materialisation(Program program, IEnumerable<int> stored)
    {
        this.program = program;
        definitions = program.Definitions();
        isStored = new bool[program.Types.Count];
        isInput = new bool[program.Types.Count];
        foreach (var input in program.Inputs)
            isInput[input.Variable] = true;
        foreach (var variable in stored)
            isStored[variable] = true;
        MaxPulled = 4;
    }

    public Program Program => program;

    /// <summary>Segment axes up to this many elements are looked through instead: each place asks whose it is.</summary>
    private long MaxPulled { get; }

    /// <summary>Where values matter.</summary>
    public Relevance Relevance => relevance ??= Relevance.Of(program);

    public List<Statement> Statements { get; } = [];

    /// <summary>The statement that makes a stored variable.</summary>
    public Dictionary<int, Statement> Makers { get; } = [];

    public static Materialisation Of(Program program, IEnumerable<int> stored)
    {
        var result = new Materialisation(program, stored);
        result.Collect();
        return result;
    }

    public Equation? Definition(int variable) => definitions[variable];

    public TensorType TypeOf(int variable) => program.Types[variable];

    public bool IsInput(int variable) => isInput[variable];

    /// <summary>Whether a use reads memory: the variable is an input, or a statement makes it.</summary>
    public bool IsRead(int variable) => isInput[variable] || isStored[variable];

    public bool IsStored(int variable) => isStored[variable];

    /// <summary>Whether a scatter is evaluated at each place of its result: the few values that may land there are compared with the place.</summary>
    public bool IsPulled(Equation scatter)
    {
        var positions = SegmentPositions(scatter);
        var extents = program.Types[scatter.Operands[0].Id].Extents;
        return positions.All(p => extents[p].IsFixed) && positions.Aggregate(1L, (n, p) => n * extents[p].Constant) is > 0 and var count && count <= MaxPulled
            && IsChecked(scatter);
    }

    /// <summary>The positions of a scatter's values that the result does not run with.</summary>
    public static int[] SegmentPositions(Program program, Equation scatter)
    {
        var map = ((Parameters.Gather)scatter.Parameters).Map;
        return Enumerable.Range(0, program.Types[scatter.Operands[0].Id].Rank).Where(p => !map.Contains(p)).ToArray();
    }

    private int[] SegmentPositions(Equation scatter) => SegmentPositions(program, scatter);

    /// <summary>
    /// A place only asks for values; an index out of range would go unnoticed. It is looked at elsewhere: by a gather of the same
    /// program, or in the forward that this backward belongs to.
    /// </summary>
    private bool IsChecked(Equation scatter)
    {
        if (program.Outputs.All(o => o.Role == OutputRole.Gradient))
            return true;
        var position = ((Parameters.Gather)scatter.Parameters).Position;
        var extent = program.Types[scatter.Result].Extents[position];
        return definitions[scatter.Operands[1].Id]?.Primitive == Primitive.Iota
            || program.Equations.Any(e => e.Primitive == Primitive.Gather && e.Operands[1] == scatter.Operands[1]
                && program.Types[e.Operands[0].Id].Extents[((Parameters.Gather)e.Parameters).Position] == extent);
    }

    /// <summary>The condition that a variable is zero without, where its equation says so: a where against 0, its negative or a multiple.</summary>
    public int? Support(int variable)
    {
        if (definitions[variable] is not { } equation)
            return null;
        var operands = equation.Operands;
        return equation.Primitive switch
        {
            Primitive.Where when operands[2].IsNumber(0) && operands[0].IsVariable => operands[0].Id,
            Primitive.Negate when operands[0].IsVariable => Support(operands[0].Id),
            Primitive.Multiply or Primitive.Divide when operands[0].IsVariable && IsUniform(operands[1]) => Support(operands[0].Id),
            Primitive.Multiply when operands[1].IsVariable && IsUniform(operands[0]) => Support(operands[1].Id),
            _ => null,
        };
    }

    /// <summary>Whether an operand is one number everywhere.</summary>
    private bool IsUniform(Atom atom) =>
        !atom.IsVariable || program.Types[atom.Id].Rank == 0
        || (definitions[atom.Id] is { Primitive: Primitive.Rearrange } rearrange && program.Types[rearrange.Operands[0].Id].Rank == 0);

    private void Collect()
    {
        var isReached = Reached();
        var reached = program.Equations.Where(e => e.Results.Any(r => isReached[r])).ToArray();
        foreach (var equation in reached)
        {
            if (!NeedsStatement(equation))
                continue;
            foreach (var result in equation.Results)
                isStored[result] = true;
            if (IsExtern(equation) || equation.Primitive == Primitive.Contract)
                foreach (var operand in equation.Operands.Where(o => !isInput[o.Id]))
                    isStored[operand.Id] = true;
        }

        AddCopies(-1);
        for (var i = 0; i < program.Equations.Count; i++)
        {
            var equation = program.Equations[i];
            if (equation.Results.Any(r => isReached[r]))
            {
                if (NeedsStatement(equation))
                    Add(Domains.Of(this, Statements.Count, equation));
                else
                    foreach (var result in equation.Results.Where(r => isStored[r]))
                        Add(Domains.Store(this, Statements.Count, equation, result));
                AddCopies(i);
            }
        }
    }

    private void Add(Statement statement)
    {
        Statements.Add(statement);
        foreach (var result in statement.Results)
            Makers[result] = statement;
    }

    /// <summary>Outputs are stored by the statement that makes them, where there is one that may; otherwise by a copy.</summary>
    private void AddCopies(int equation)
    {
        for (var output = 0; output < program.Outputs.Count; output++)
        {
            var variable = program.Outputs[output].Variable;
            var definition = definitions[variable];
            if (definition is null ? equation >= 0 : equation < 0 || program.Equations[equation] != definition)
                continue;
            if (Makers.TryGetValue(variable, out var maker) && maker.Outputs[Slot(maker, variable)] < 0 && MayHold(output) && !IsTotal(maker))
                maker.Outputs[Slot(maker, variable)] = output;
            else
                Statements.Add(Domains.Copy(this, Statements.Count, variable, output));
        }
    }

    /// <summary>Whether it is a reduction to one element that has positions yet (of extent 1): accumulators have none.</summary>
    private bool IsTotal(Statement maker) =>
        maker.Kind == StatementKind.Reduce && program.Types[maker.Variable].Rank > 0 && maker.Axes.All(a => a.Role == AxisRole.Reduced);

    public static int Slot(Statement maker, int variable) => maker.Equation!.Results.AsImmutableArray().IndexOf(variable);

    /// <summary>A gradient's memory is there only where it is wanted, so nothing else may read it.</summary>
    private bool MayHold(int output)
    {
        var (variable, role) = (program.Outputs[output].Variable, program.Outputs[output].Role);
        return role != OutputRole.Gradient
            || (program.Outputs.Count(o => o.Variable == variable) == 1 && !program.Equations.Any(e => e.Operands.Contains(Atom.Variable(variable))));
    }

    private bool[] Reached()
    {
        var reached = new bool[program.Types.Count];
        foreach (var output in program.Outputs)
            reached[output.Variable] = true;
        foreach (var equation in program.Equations.Reverse())
            if (equation.Results.Any(r => reached[r]))
                foreach (var operand in equation.Operands)
                    if (operand.IsVariable)
                        reached[operand.Id] = true;
        return reached;
    }

    /// <summary>Whether the equation's value cannot be had at one place alone. A reduction or scan of one element is its element.</summary>
    public bool NeedsStatement(Equation equation)
    {
        switch (equation.Primitive)
        {
            case Primitive.Sum or Primitive.Max or Primitive.Min or Primitive.Any or Primitive.All or Primitive.ArgMax:
                var operand = program.Types[equation.Operands[0].Id];
                return Domains.Reduced(equation).Any(p => !operand.Extents[p].IsOne);
            case Primitive.ScatterAdd:
                return !IsPulled(equation);
            case Primitive.Pad:
                return ((Parameters.Slice)equation.Parameters).Step != 1;
            case Primitive.Contract:
                return true;
            default:
                return IsExtern(equation);
        }
    }

    public bool IsExtern(Equation equation) =>
        equation.Primitive is Primitive.CumSum or Primitive.LogCumSumExp or Primitive.Sort
        && !program.Types[equation.Operands[0].Id].Extents[Domains.Along(equation)].IsOne;
}
