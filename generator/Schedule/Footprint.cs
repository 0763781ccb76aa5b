using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>What a statement reads, in terms of the axes of its domain: its body evaluated on its own, for the accesses alone.</summary>
internal sealed class Footprint : BodyWriter
{
    // A statement that looks through so many maps that it needs this many evaluations has a chain of them that doubles at each link.
    private const int LeastCrowd = 3000;
    private const int EvaluationsPerEquation = 6;
    private const int ManyPlaces = 12;

    private readonly Statement statement;
    private readonly List<Access> reads = [];
    private readonly HashSet<Access> seen = [];
    private readonly Dictionary<int, int> places = [];
    private readonly int most;
    private int evaluations;

    private Footprint(Materialisation program, Statement statement)
        : base(program)
    {
        this.statement = statement;
        most = Math.Max(LeastCrowd, EvaluationsPerEquation * program.Program.Equations.Count);
        for (var level = 0; level <= statement.Axes.Count; level++)
            Bodies.Add(new Body());
    }

    /// <summary>Notes what each statement reads. Returns a variable that must be stored because it would be evaluated at too many places, or null.</summary>
    public static int? Measure(Materialisation program)
    {
        foreach (var statement in program.Statements)
        {
            var footprint = new Footprint(program, statement);
            try
            {
                footprint.Visit();
            }
            catch (CrowdedException)
            {
                return footprint.Crowded();
            }

            statement.Reads = footprint.reads;
        }

        return null;
    }

    protected override void Evaluated(int variable, int level)
    {
        places[variable] = places.TryGetValue(variable, out var count) ? count + 1 : 1;
        if (++evaluations > most)
            throw new CrowdedException();
    }

    /// <summary>The variable nearest to the result that is evaluated at many places: storing it halves the work again and again.</summary>
    private int Crowded()
    {
        var many = places.Where(p => p.Value >= ManyPlaces).Select(p => p.Key).ToArray();
        return many.Length > 0 ? many.Max() : places.OrderByDescending(p => p.Value).First().Key;
    }

    protected override int LevelOf(int loop) => loop + 1;

    protected override Extent ExtentOf(int loop) => statement.Axes[loop].Extent;

    protected override LoopAtom Read(int variable, EquatableArray<IndexExpression> index, Guards guards)
    {
        var access = new Access(variable, index.Select(i => (IndexExpression?)i).ToEquatableArray());
        if (seen.Add(access))
            reads.Add(access);
        return NewValue(Program.TypeOf(variable).Kind, index.Select(LevelOf).DefaultIfEmpty(0).Max());
    }

    private void Visit()
    {
        var index = statement.Body.Select(a => a < 0 ? Fixed(Extent.Fixed(0)) : IndexExpression.Of(a)).ToEquatableArray();
        switch (statement.Kind)
        {
            case StatementKind.Store:
                Define(statement.Variable, index, default);
                break;
            case StatementKind.Copy:
                Evaluate(statement.Variable, index, default);
                break;
            case StatementKind.Extern:
                var row = statement.Body.Select((a, p) => p == statement.Along ? null : index[p]).ToEquatableArray();
                reads.Add(new Access(statement.Equation!.Operands[0].Id, row));
                break;
            case StatementKind.Contract:
                foreach (var operand in statement.Equation!.Operands)
                    reads.Add(new Access(operand.Id, Program.TypeOf(operand.Id).Extents.Select(_ => (IndexExpression?)null).ToEquatableArray()));
                break;
            default:
                if (statement.Kind == StatementKind.Scatter && Program.Support(statement.Equation!.Operands[0].Id) is { } support)
                    Evaluate(support, index, default);
                foreach (var operand in statement.Equation!.Operands)
                    if (operand.IsVariable)
                        Evaluate(operand.Id, index, default);
                break;
        }
    }

    /// <summary>Leaves an evaluation that would take too long.</summary>
    private sealed class CrowdedException : Exception;
}
