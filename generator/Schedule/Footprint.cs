using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>What a statement reads, in terms of the axes of its domain: its body evaluated on its own, for the accesses alone.</summary>
internal sealed class Footprint : BodyWriter
{
    private readonly Statement statement;
    private readonly List<Access> reads = [];

    private Footprint(Materialisation program, Statement statement)
        : base(program)
    {
        this.statement = statement;
        for (var level = 0; level <= statement.Axes.Count; level++)
            Bodies.Add(new Body());
    }

    public static IReadOnlyList<Access> Of(Materialisation program, Statement statement)
    {
        var footprint = new Footprint(program, statement);
        footprint.Visit();
        return footprint.reads;
    }

    protected override int LevelOf(int loop) => loop + 1;

    protected override Extent ExtentOf(int loop) => statement.Axes[loop].Extent;

    protected override LoopAtom Read(int variable, EquatableArray<IndexExpression> index, Guards guards)
    {
        var access = new Access(variable, index.Select(i => (IndexExpression?)i).ToEquatableArray());
        if (!reads.Contains(access))
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
            default:
                foreach (var operand in statement.Equation!.Operands)
                    if (operand.IsVariable)
                        Evaluate(operand.Id, index, default);
                break;
        }
    }
}
