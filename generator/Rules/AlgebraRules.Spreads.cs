using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>What is equal along an axis is computed before it is spread along it.</summary>
public static partial class AlgebraRules
{
    private static EquatableArray<Primitive> Pointwise =>
        Enum.GetValues(typeof(Primitive)).Cast<Primitive>().Where(p => p <= Primitive.Where || p == Primitive.Convert).ToEquatableArray();

    private static RewriteRule[] Spreads =>
    [
        new("f(x, fill(s))", "f(x, s)", Pointwise, FillAsScalar),
        new("fill(x)", "spread(x)", [Primitive.Fill], r =>
            r.X.Atom.IsVariable && r.X.Type.Kind == r.Type.Kind ? SpreadOver(r.X, r.Type) : null),
        new("f(spread(x), spread(y))", "spread(f(x, y))", Pointwise, BeforeSpreading),
        new("rearrange(rearrange(x))", "rearrange(x)", [Primitive.Rearrange], r =>
        {
            if (!r.X.Is(Primitive.Rearrange, out var x))
                return null;
            var (inner, outer) = (Spreading.Of(r.X), ((Parameters.Rearrange)r.Parameters).Source);
            return new Spreading(outer.Select(s => s < 0 ? -1 : inner.Source[s]).ToEquatableArray(), inner.From, r.Type.Extents).Apply(x);
        }),
        new("rearrange(x), every position where it was", "x", [Primitive.Rearrange], r =>
            r.X.Type == r.Type && ((Parameters.Rearrange)r.Parameters).Source.Select((s, i) => s == i).All(same => same) ? r.X : null),
        new("rearrange(fill(s))", "fill(s)", [Primitive.Rearrange, Primitive.Slice, Primitive.Flip, Primitive.Gather], r =>
            r.X.Is(Primitive.Fill, out var s) ? Filled(r, s.Atom) : null),
        new("gather(x, spread(index))", "spread(gather(x, index))", [Primitive.Gather], GatherBeforeSpreading),
        new("scatter_add(x, unsqueeze(index))", "scatter_add(squeeze(x), index)", [Primitive.ScatterAdd], ScatterWithoutOnes),
    ];

    private static Term? FillAsScalar(Redex r)
    {
        if (r.Operands.Count < 2 || r.Type.Kind == ElementKind.Boolean && r.Primitive is not (>= Primitive.Equal and <= Primitive.GreaterOrEqual))
            return null;
        var operands = r.Operands.Select((o, i) =>
            new Term(r.Builder, o) is var term && term.Is(Primitive.Fill, out var s) && !s.Atom.IsVariable && !(r.Primitive == Primitive.Where && i == 0) ? s : term).ToArray();
        var isChanged = operands.Where((o, i) => o.Atom != r.Operands[i]).Any();
        // The kind of the result must still follow from a variable.
        var isTyped = operands.Where((o, i) => o.Atom.IsVariable && !(r.Primitive == Primitive.Where && i == 0)).Any()
            || (r.Primitive == Primitive.Where && IsReal(r));
        return isChanged && isTyped ? r.With(operands) : null;
    }

    private static Term? BeforeSpreading(Redex r)
    {
        var variables = r.Operands.Where(o => o.IsVariable).Select(o => new Term(r.Builder, o)).ToArray();
        if (variables.Length == 0 || r.Type.Rank == 0 || !variables.All(v => v.Definition()?.Primitive is Primitive.Rearrange or Primitive.Fill))
            return null;
        var spreadings = variables.Select(Spreading.Of).ToArray();
        var kept = Enumerable.Range(0, r.Type.Rank).Where(p => !spreadings.All(s => s.IsSpread(p))).ToArray();
        if (kept.Length == r.Type.Rank)
            return null;
        var reduced = kept.Select(p => r.Type.Extents[p]).ToEquatableArray();
        Term Reduced(Term operand)
        {
            if (!operand.Atom.IsVariable)
                return operand;
            var inner = operand with { Atom = operand.Definition()!.Operands[0] };
            return inner.Atom.IsVariable
                ? Spreading.Of(operand).Keep(kept).Apply(inner)
                : operand with { Atom = Atom.Variable(r.Builder.Fill(inner.Atom, reduced, operand.Type.Kind)) };
        }

        var operands = r.Operands.Select(o => Reduced(new Term(r.Builder, o)).Atom).ToArray();
        var result = r.Primitive == Primitive.Convert
            ? r.Builder.EmitDeclared(r.Primitive, r.Parameters, r.Type with { Extents = reduced }, operands)
            : r.Builder.Emit(r.Primitive, r.Parameters, operands);
        var back = Enumerable.Range(0, r.Type.Rank).Select(p => Array.IndexOf(kept, p)).ToEquatableArray();
        return new Spreading(back, reduced, r.Type.Extents).Apply(new Term(r.Builder, Atom.Variable(result)));
    }

    private static Term? GatherBeforeSpreading(Redex r)
    {
        if (Unspread(r, _ => true) is not { } index)
            return null;
        var gathered = r.X.Builder.Gather(r.X.Variable, index.Term.Variable, index.Gather.Position, index.Gather.Map.ToArray());
        var back = Enumerable.Range(0, r.Type.Rank).Select(p => Array.IndexOf(index.Kept, p)).ToEquatableArray();
        return new Spreading(back, index.Term.Type.Extents, r.Type.Extents).Apply(new Term(r.Builder, Atom.Variable(gathered)));
    }

    private static Term? ScatterWithoutOnes(Redex r)
    {
        if (Unspread(r, p => r.Z.Type.Extents[p].IsOne) is not { } index)
            return null;
        var values = new Spreading(index.Kept.ToEquatableArray(), r.X.Type.Extents, index.Term.Type.Extents).Apply(r.X);
        return new(r.Builder, Atom.Variable(r.Builder.ScatterAdd(
            values.Variable, index.Term.Variable, index.Gather.Position, index.Gather.Map.ToArray(), r.Type.Extents)));
    }

    /// <summary>An index without those of its positions that it is spread along and that nothing indexed runs with.</summary>
    private static (Term Term, int[] Kept, Parameters.Gather Gather)? Unspread(Redex r, Func<int, bool> mayGo)
    {
        if (!r.Z.Is(Primitive.Rearrange, out var inner))
            return null;
        var (spreading, gather) = (Spreading.Of(r.Z), (Parameters.Gather)r.Parameters);
        var kept = Enumerable.Range(0, r.Z.Type.Rank)
            .Where(p => !spreading.IsSpread(p) || gather.Map.Contains(p) || !mayGo(p)).ToArray();
        if (kept.Length == r.Z.Type.Rank)
            return null;
        var map = gather.Map.Select(m => m < 0 ? m : Array.IndexOf(kept, m)).ToEquatableArray();
        return (spreading.Keep(kept).Apply(inner), kept, gather with { Map = map });
    }
}
