using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>How the primitives that are several loops are made of those that are one. One row a primitive, as torch computes it.</summary>
public static class LoweringRules
{
    /// <summary>A softmax and a log-softmax of the same logits are differentiated as one normaliser: one sum along the axis.</summary>
    public static IReadOnlyList<RewriteRule> BeforeDifferentiation { get; } =
    [
        new("softmax(x)", "exp(log_softmax(x))", [Primitive.Softmax], r => r.X.Of(Primitive.LogSoftmax, r.Parameters).Of(Primitive.Exp)),
    ];

    public static IReadOnlyList<RewriteRule> Table { get; } =
    [
        // A row of -inf alone gives -inf and one with +inf gives +inf, because the shift is taken only where it is finite.
        new("logsumexp(x)", "m + log(sum(exp(x - m))), m = max(x) where finite, else 0", [Primitive.LogSumExp], r =>
        {
            var largest = r.X.Of(Primitive.Max, r.Parameters);
            var shift = largest.Of(Primitive.IsFinite).Select(largest, largest.Number(0));
            return Exponentials(r, shift).Of(Primitive.Sum, r.Parameters).Of(Primitive.Log) + shift;
        }),

        // The derivative of logsumexp: exact to the last digits also where x is large, and no other exponentials than the sum's.
        new("exp(x - logsumexp(x))", "exp(x - m) / sum(exp(x - m))", [Primitive.Exp], r =>
            r.X.Is(Primitive.Subtract, out var x, out var spread) && spread.Is(Primitive.Rearrange, out var y)
            && y.Is(Primitive.Add, out var logarithm, out _) && logarithm.Is(Primitive.Log, out var sum)
            && sum.Is(Primitive.Sum, out var exponentials) && exponentials.Is(Primitive.Exp, out var shifted)
            && shifted.Is(Primitive.Subtract, out var same, out _) && same == x
            && sum.Definition()!.Parameters is Parameters.Reduce reduce && y.SpreadOver(x.Type, reduce.Positions) == spread
                ? exponentials / sum.SpreadOver(x.Type, reduce.Positions) : null),

        // A row of -inf alone, or with +inf, gives NaN.
        new("softmax(x)", "exp(x - max(x)) / sum(exp(x - max(x)))", [Primitive.Softmax], r =>
        {
            var exponentials = Exponentials(r, r.X.Of(Primitive.Max, Reduced(r)));
            return exponentials / Spread(r, exponentials.Of(Primitive.Sum, Reduced(r)));
        }),
        new("log_softmax(x)", "x - max(x) - log(sum(exp(x - max(x))))", [Primitive.LogSoftmax], r =>
        {
            var largest = r.X.Of(Primitive.Max, Reduced(r));
            var shifted = r.X - Spread(r, largest);
            return shifted - Spread(r, shifted.Of(Primitive.Exp).Of(Primitive.Sum, Reduced(r)).Of(Primitive.Log));
        }),

        // The product is no larger than an operand or the result: a loop computes it beside its neighbours.
        new("contract(x, z), not a product of matrices", "sum(x * z)", [Primitive.Contract], r =>
        {
            var contract = (Parameters.Contract)r.Parameters;
            var left = contract.Left.Where((_, p) => !r.X.Type.Extents[p].IsOne).ToArray();
            var right = contract.Right.Where((_, p) => !r.Z.Type.Extents[p].IsOne).ToArray();
            var isMatrix = left.Except(right).Any() && right.Except(left).Any() && left.Any(contract.IsSummed);
            return isMatrix ? null : SumOfProducts(r, contract);
        }),

        new("stop_gradient(x)", "x", [Primitive.StopGradient], r => r.X),
    ];

    private static Term SumOfProducts(Redex r, Parameters.Contract contract)
    {
        var extents = new Extent[contract.Axes];
        foreach (var (type, axes) in new[] { (r.X.Type, contract.Left), (r.Z.Type, contract.Right) })
            for (var p = 0; p < axes.Count; p++)
                extents[axes[p]] = type.Extents[p];
        Term Spread(Term x, EquatableArray<int> axes) => new Spreading(
            Enumerable.Range(0, contract.Axes).Select(a => axes.AsImmutableArray().IndexOf(a)).ToEquatableArray(), x.Type.Extents, extents.ToEquatableArray()).Apply(x);
        var product = Spread(r.X, contract.Left) * Spread(r.Z, contract.Right);
        var summed = Enumerable.Range(contract.Rank, contract.Axes - contract.Rank).ToEquatableArray();
        return summed.Count == 0 ? product : product.Of(Primitive.Sum, new Parameters.Reduce(summed));
    }

    private static Parameters.Reduce Reduced(Redex r) => r.Parameters as Parameters.Reduce ?? new Parameters.Reduce([((Parameters.Axis)r.Parameters).Position]);

    private static Term Spread(Redex r, Term x) => x.SpreadOver(r.X.Type, Reduced(r).Positions);

    private static Term Exponentials(Redex r, Term shift) => (r.X - Spread(r, shift)).Of(Primitive.Exp);
}
