using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>The domains of statements: what they run over, and what their axes are to the result.</summary>
internal static class Domains
{
    /// <summary>The statement of an equation that cannot be evaluated at one place.</summary>
    public static Statement Of(Materialisation program, int id, Equation equation)
    {
        var operand = program.TypeOf(equation.Operands[0].Id);
        switch (equation.Primitive)
        {
            case Primitive.ScatterAdd:
                var map = ((Parameters.Gather)equation.Parameters).Map.AsImmutableArray();
                return Fill(new Statement(id, StatementKind.Scatter, equation, equation.Result), operand, p => map.IndexOf(p) is >= 0 and var kept ? (AxisRole.Kept, kept) : (AxisRole.Segment, -1));
            case Primitive.Pad:
                var position = ((Parameters.Slice)equation.Parameters).Position;
                return Fill(new Statement(id, StatementKind.Place, equation, equation.Result), operand, p => p == position ? (AxisRole.Placed, -1) : (AxisRole.Kept, p));
            case Primitive.CumSum or Primitive.LogCumSumExp or Primitive.Sort:
                var along = Along(equation);
                var statement = new Statement(id, StatementKind.Extern, equation, equation.Result) { Along = along };
                return Fill(statement, operand, p => (AxisRole.Kept, p), skip: along);
            case Primitive.Contract:
                // The runtime's routine runs over its axes.
                return new Statement(id, StatementKind.Contract, equation, equation.Result);
            default:
                var reduced = Reduced(equation);
                var kept = Enumerable.Range(0, operand.Rank).Where(p => !reduced.Contains(p)).ToList();
                return Fill(new Statement(id, StatementKind.Reduce, equation, equation.Result), operand, p => kept.IndexOf(p) is >= 0 and var k ? (AxisRole.Kept, k) : (AxisRole.Reduced, -1));
        }
    }

    /// <summary>A statement that stores a pointwise variable.</summary>
    public static Statement Store(Materialisation program, int id, Equation equation, int variable) =>
        Whole(new Statement(id, StatementKind.Store, equation, variable), program.TypeOf(variable));

    /// <summary>A statement that stores a variable in one more output.</summary>
    public static Statement Copy(Materialisation program, int id, int variable, int output)
    {
        var statement = new Statement(id, StatementKind.Copy, null, variable);
        statement.Outputs[0] = output;
        return Whole(statement, program.TypeOf(variable));
    }

    /// <summary>The operand positions that a reduction reduces.</summary>
    public static EquatableArray<int> Reduced(Equation equation) =>
        equation.Parameters is Parameters.Axis axis ? [axis.Position] : ((Parameters.Reduce)equation.Parameters).Positions;

    /// <summary>The position along which a scan or sort runs.</summary>
    public static int Along(Equation equation) =>
        equation.Parameters is Parameters.Sort sort ? sort.Position : ((Parameters.Scan)equation.Parameters).Position;

    private static Statement Whole(Statement statement, TensorType type) => Fill(statement, type, p => (AxisRole.Kept, p));

    private static Statement Fill(Statement statement, TensorType body, Func<int, (AxisRole Role, int Position)> role, int skip = -1)
    {
        statement.Body = new int[body.Rank];
        for (var p = 0; p < body.Rank; p++)
        {
            statement.Body[p] = -1;
            if (p == skip || body.Extents[p].IsOne)
                continue;
            statement.Body[p] = statement.Axes.Count;
            var (axisRole, position) = role(p);
            statement.Axes.Add(new DomainAxis(body.Extents[p], axisRole, position));
        }

        return statement;
    }
}
