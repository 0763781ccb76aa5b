using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>Gives an equation's operands their cotangents, from its results'.</summary>
public delegate void VjpRule(VjpContext context);

/// <summary>
/// A cotangent that may be guarded: where the Boolean variable Guard is false it is zero whatever Value is. The guard travels back
/// with it, so that a derivative that overflows at a discarded position is discarded too instead of being multiplied by zero. It is of
/// some of the results, by their numbers: where none of them has an upstream, there is none, and Value is anything.
/// </summary>
public sealed record Cotangent(int Value, int? Guard, EquatableArray<int> Results)
{
    /// <summary>The conditions of a guard, all of which must hold.</summary>
    public static IEnumerable<Term> Conditions(Term guard) =>
        guard.Is(Primitive.And, out var x, out var z) ? Conditions(x).Concat(Conditions(z)) : [guard];
}

/// <summary>What a rule sees of one equation, and where it puts the operands' cotangents.</summary>
public sealed class VjpContext
{
    private readonly Cotangent cotangent;
    private readonly Func<int, bool> wants;
    private readonly Action<int, Cotangent> give;

    public VjpContext(ProgramBuilder builder, Equation equation, Cotangent cotangent, Func<int, bool> wants, Action<int, Cotangent> give)
    {
        Builder = builder;
        Equation = equation;
        this.cotangent = cotangent;
        this.wants = wants;
        this.give = give;
    }

    public ProgramBuilder Builder { get; }

    public Equation Equation { get; }

    /// <summary>The first operand.</summary>
    public Term X => new(Builder, Equation.Operands[0]);

    /// <summary>The second operand.</summary>
    public Term Z => new(Builder, Equation.Operands[1]);

    /// <summary>The first result.</summary>
    public Term Y => Term(Equation.Result);

    public Term Term(int variable) => new(Builder, Atom.Variable(variable));

    /// <summary>Whether an operand is a real variable that a differentiable input reaches.</summary>
    public bool Wants(int operand) => Equation.Operands[operand].IsVariable && wants(Equation.Operands[operand].Id);

    /// <summary>A pointwise rule: the guard stays.</summary>
    public void Give(int operand, Func<Term, Term> rule)
    {
        if (Wants(operand))
            give(operand, cotangent with { Value = rule(Term(cotangent.Value)).Variable });
    }

    /// <summary>The cotangent where a condition holds, zero elsewhere.</summary>
    public void GiveWhere(int operand, Term condition)
    {
        if (Wants(operand))
            give(operand, cotangent with { Guard = cotangent.Guard is { } guard ? Term(guard).Of(Primitive.And, condition).Variable : condition.Variable });
    }

    /// <summary>A rule that only moves elements: value and guard move alike.</summary>
    public void GiveView(int operand, Func<int, int> move)
    {
        if (Wants(operand))
            give(operand, cotangent with { Value = move(cotangent.Value), Guard = Moved(move) });
    }

    /// <summary>A rule each of whose elements depends on one element of the cotangent: the guard moves to them.</summary>
    public void GiveGuarded(int operand, Func<Term, Term> rule, Func<int, int> move)
    {
        if (Wants(operand))
            give(operand, cotangent with { Value = rule(Term(cotangent.Value)).Variable, Guard = Moved(move) });
    }

    /// <summary>
    /// A rule that mixes elements along one position: the conditions of the guard that are the same for all of them discard all or none and stay;
    /// where there are others, the guard is applied first.
    /// </summary>
    public void GiveAlong(int operand, int position, Func<Term, Term> rule)
    {
        var spread = SpreadConditions([position], out var isWhole);
        if (isWhole)
            Give(operand, rule);
        else if (Wants(operand))
            give(operand, cotangent with { Value = rule(Settled).Variable, Guard = All(spread) });
    }

    /// <summary>A rule that sums over positions and then moves elements; the conditions that are the same along all of them stay.</summary>
    public void GiveSummed(int operand, int[] positions, Func<int, int> move)
    {
        if (!Wants(operand))
            return;
        var spread = SpreadConditions(positions, out var isWhole);
        var sum = Builder.Sum(isWhole ? cotangent.Value : Settled.Variable, positions);
        give(operand, cotangent with { Value = move(sum), Guard = All(spread.Select(Kept)) is { } guard ? move(guard) : null });

        Term Kept(Term condition)
        {
            condition.Is(Primitive.Rearrange, out var inner);
            return Spreading.Of(condition).Keep(Enumerable.Range(0, condition.Type.Rank).Where(p => !positions.Contains(p)).ToArray()).Apply(inner);
        }
    }

    /// <summary>
    /// A rule that adds up over positions at places that are read from data; the conditions that are the same along all of them stay.
    /// </summary>
    /// <param name="operand">The operand.</param>
    /// <param name="positions">What is added up over.</param>
    /// <param name="rule">The operand's cotangent.</param>
    /// <param name="move">A condition over the operand, of what it is spread from and how.</param>
    public void GiveScattered(int operand, int[] positions, Func<Term, int> rule, Func<Term, Spreading, Term> move)
    {
        if (!Wants(operand))
            return;
        var spread = SpreadConditions(positions, out var isWhole);
        give(operand, cotangent with { Value = rule(isWhole ? Term(cotangent.Value) : Settled), Guard = All(spread.Select(Moved)) });

        Term Moved(Term condition)
        {
            condition.Is(Primitive.Rearrange, out var inner);
            return move(inner, Spreading.Of(condition));
        }
    }

    /// <summary>A rule that mixes positions: the guard is applied first.</summary>
    public void GiveSettled(int operand, Func<Term, int> rule)
    {
        if (Wants(operand))
            give(operand, cotangent with { Value = rule(Settled), Guard = null });
    }

    private Term Settled => Term(Settle(Builder, cotangent));

    /// <summary>Those of the guard's conditions, all of which must hold, that are the same along positions; and whether they are the whole guard.</summary>
    private Term[] SpreadConditions(int[] positions, out bool isWhole)
    {
        var conditions = cotangent.Guard is { } guard ? Cotangent.Conditions(Term(guard)).ToArray() : [];
        var spread = conditions.Where(c => c.Is(Primitive.Rearrange, out _) && positions.All(Spreading.Of(c).IsSpread)).ToArray();
        isWhole = spread.Length == conditions.Length;
        return spread;
    }

    /// <summary>Each condition of the guard moves by itself, so that those that are the same along a position can be told.</summary>
    private int? Moved(Func<int, int> move) =>
        cotangent.Guard is { } guard ? All(Cotangent.Conditions(Term(guard)).Select(c => Term(move(c.Variable)))) : null;

    private static int? All(IEnumerable<Term> conditions)
    {
        Term? all = null;
        foreach (var condition in conditions)
            all = all?.Of(Primitive.And, condition) ?? condition;
        return all?.Variable;
    }

    /// <summary>The cotangent as a plain variable: where(guard, value, 0).</summary>
    public static int Settle(ProgramBuilder builder, Cotangent cotangent) => cotangent.Guard is { } guard
        ? builder.Emit(Primitive.Where, Atom.Variable(guard), Atom.Variable(cotangent.Value), Atom.Literal(0))
        : cotangent.Value;
}
