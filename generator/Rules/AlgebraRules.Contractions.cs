using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>Contractions name their operands' axes, so what only moves or repeats these is left out before them.</summary>
public static partial class AlgebraRules
{
    private static RewriteRule[] Contractions =>
    [
        new("contract(transpose(x), z)", "contract(x, z)", [Primitive.Contract], r =>
        {
            var contract = (Parameters.Contract)r.Parameters;
            if (Moved(r.X, contract, contract.Left, contract.Right) is { } x)
                return x.Term.Of(Primitive.Contract, contract with { Left = x.Axes }, r.Z);
            return Moved(r.Z, contract, contract.Right, contract.Left) is { } z ? r.X.Of(Primitive.Contract, contract with { Right = z.Axes }, z.Term) : null;
        }),
        new("contract(x, z) along an axis of extent 1", "contract(squeeze(x), squeeze(z))", [Primitive.Contract], r =>
        {
            var contract = (Parameters.Contract)r.Parameters;
            var ones = contract.Left.Where((_, p) => r.X.Type.Extents[p].IsOne).Concat(contract.Right.Where((_, p) => r.Z.Type.Extents[p].IsOne)).Distinct().ToArray();
            if (ones.Length == 0)
                return null;
            var kept = Enumerable.Range(0, contract.Axes).Where(a => !ones.Contains(a)).ToList();
            var rank = kept.Count(a => a < contract.Rank);
            Term Squeezed(Term x, EquatableArray<int> axes)
            {
                var positions = Enumerable.Range(0, axes.Count).Where(p => !ones.Contains(axes[p])).ToArray();
                return new Spreading(positions.ToEquatableArray(), x.Type.Extents, positions.Select(p => x.Type.Extents[p]).ToEquatableArray()).Apply(x);
            }

            EquatableArray<int> Renamed(EquatableArray<int> axes) => axes.Where(kept.Contains).Select(a => kept.IndexOf(a)).ToEquatableArray();
            var product = Squeezed(r.X, contract.Left)
                .Of(Primitive.Contract, new Parameters.Contract(rank, Renamed(contract.Left), Renamed(contract.Right)), Squeezed(r.Z, contract.Right));
            return new Spreading(Enumerable.Range(0, contract.Rank).Select(a => kept.IndexOf(a)).ToEquatableArray(), product.Type.Extents, r.Type.Extents).Apply(product);
        }),
    ];

    /// <summary>What an operand is a rearrangement of, and the axes of that: every position moved, or repeated along an axis that the other operand has too.</summary>
    private static (Term Term, EquatableArray<int> Axes)? Moved(Term operand, Parameters.Contract contract, EquatableArray<int> axes, EquatableArray<int> others)
    {
        if (!operand.Is(Primitive.Rearrange, out var inner))
            return null;
        var spreading = Spreading.Of(operand);
        var moved = Enumerable.Repeat(-1, inner.Type.Rank).ToArray();
        for (var p = 0; p < axes.Count; p++)
        {
            if (!spreading.IsSpread(p))
                moved[spreading.Source[p]] = axes[p];
            else if (contract.IsSummed(axes[p]) || !others.Contains(axes[p]))
                return null;
        }

        return moved.Contains(-1) ? null : (inner, moved.ToEquatableArray());
    }
}
