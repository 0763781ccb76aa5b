using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>Gives an equation's operands their cotangents, from its results'.</summary>
public delegate void VjpRule(VjpContext context);

/// <summary>
/// A cotangent that may be guarded: where the Boolean variable Guard is false it is zero whatever Value is. The guard travels back
/// with it, so that a derivative that overflows at a discarded position is discarded too instead of being multiplied by zero.
/// </summary>
public sealed record Cotangent(int Value, int? Guard);

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
            give(operand, new Cotangent(move(cotangent.Value), cotangent.Guard is { } guard ? move(guard) : null));
    }

    /// <summary>A rule each of whose elements depends on one element of the cotangent: the guard moves to them.</summary>
    public void GiveGuarded(int operand, Func<Term, Term> rule, Func<int, int> move)
    {
        if (Wants(operand))
            give(operand, new Cotangent(rule(Term(cotangent.Value)).Variable, cotangent.Guard is { } guard ? move(guard) : null));
    }

    /// <summary>
    /// A rule that mixes elements along one position: where the guard is the same for all of them, it discards all or none and stays;
    /// otherwise it is applied first.
    /// </summary>
    public void GiveAlong(int operand, int position, Func<Term, Term> rule)
    {
        if (IsGuardSpread([position]))
            Give(operand, rule);
        else
            GiveSettledTerm(operand, rule);
    }

    /// <summary>A rule that sums over positions and then moves elements; the guard stays where it is the same along all of them.</summary>
    public void GiveSummed(int operand, int[] positions, Func<int, int> move)
    {
        if (!IsGuardSpread(positions))
        {
            GiveSettled(operand, g => move(Builder.Sum(g.Variable, positions)));
            return;
        }

        if (!Wants(operand))
            return;
        var guard = Term(cotangent.Guard!.Value);
        guard.Is(Primitive.Rearrange, out var inner);
        var kept = Enumerable.Range(0, guard.Type.Rank).Where(p => !positions.Contains(p)).ToArray();
        give(operand, new Cotangent(move(Builder.Sum(cotangent.Value, positions)), move(Spreading.Of(guard).Keep(kept).Apply(inner).Variable)));
    }

    /// <summary>A rule that mixes positions: the guard is applied first.</summary>
    public void GiveSettled(int operand, Func<Term, int> rule)
    {
        if (Wants(operand))
            give(operand, new Cotangent(rule(Term(Settle(Builder, cotangent))), null));
    }

    /// <inheritdoc cref="GiveSettled"/>
    public void GiveSettledTerm(int operand, Func<Term, Term> rule) => GiveSettled(operand, g => rule(g).Variable);

    private bool IsGuardSpread(int[] positions) =>
        cotangent.Guard is { } guard && Term(guard).Is(Primitive.Rearrange, out _) && positions.All(Spreading.Of(Term(guard)).IsSpread);

    /// <summary>The cotangent as a plain variable: where(guard, value, 0).</summary>
    public static int Settle(ProgramBuilder builder, Cotangent cotangent) => cotangent.Guard is { } guard
        ? builder.Emit(Primitive.Where, Atom.Variable(guard), Atom.Variable(cotangent.Value), Atom.Literal(0))
        : cotangent.Value;
}
