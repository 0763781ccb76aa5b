using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>Reductions, slices and indexing of what is spread, padded or scattered.</summary>
public static partial class AlgebraRules
{
    private static EquatableArray<Primitive> Reducing =>
        [Primitive.Sum, Primitive.Max, Primitive.Min, Primitive.Any, Primitive.All];

    private static RewriteRule[] Reductions =>
    [
        new("sum(spread(x))", "sum(x) * size", Reducing, OfSpread),
        new("sum(sum(x))", "sum(x)", Reducing, r =>
        {
            if (!r.X.Is(r.Primitive, out var x) || !r.X.IsOnlyHere())
                return null;
            var (inner, outer) = (((Parameters.Reduce)r.X.Definition()!.Parameters).Positions, ((Parameters.Reduce)r.Parameters).Positions);
            var left = Enumerable.Range(0, x.Type.Rank).Where(p => !inner.Contains(p)).ToArray();
            var all = inner.Concat(outer.Select(p => left[p])).OrderBy(p => p).ToEquatableArray();
            return x.Of(r.Primitive, new Parameters.Reduce(all));
        }),
        new("sum(x) over an axis of extent 1", "x without it", Reducing, r =>
        {
            var positions = ((Parameters.Reduce)r.Parameters).Positions;
            var ones = positions.Where(p => r.X.Type.Extents[p].IsOne).ToArray();
            if (ones.Length == 0)
                return null;
            var kept = Enumerable.Range(0, r.X.Type.Rank).Where(p => !ones.Contains(p)).ToArray();
            var without = new Spreading(kept.ToEquatableArray(), r.X.Type.Extents, kept.Select(p => r.X.Type.Extents[p]).ToEquatableArray()).Apply(r.X);
            var others = positions.Where(p => !ones.Contains(p)).Select(p => Array.IndexOf(kept, p)).ToEquatableArray();
            return others.Count == 0 ? without : without.Of(r.Primitive, new Parameters.Reduce(others));
        }),
        new("sum(pad(x))", "sum(x)", [Primitive.Sum], r =>
            r.X.Is(Primitive.Pad, out var x) && IsAlong(r, ((Parameters.Slice)r.X.Definition()!.Parameters).Position) ? r.With(x) : null),
        new("sum(flip(x))", "sum(x)", Reducing, r =>
            r.X.Is(Primitive.Flip, out var x) && IsAlong(r, ((Parameters.Axis)r.X.Definition()!.Parameters).Position) ? r.With(x) : null),
        new("sum(scatter_add(x, index)) along the index", "sum(x)", [Primitive.Sum], OfScatter),
    ];

    private static RewriteRule[] Moves =>
    [
        new("flip(flip(x))", "x", [Primitive.Flip], r => r.X.Is(Primitive.Flip, out var x) && r.X.Definition()!.Parameters == r.Parameters ? x : null),
        new("slice(x), all of it", "x", [Primitive.Slice, Primitive.Pad], r =>
            r.X.Type == r.Type && (Parameters.Slice)r.Parameters is { Step: 1 } slice && slice.Start == Extent.Fixed(0) ? r.X : null),
        new("slice(pad(x)), the same part", "x", [Primitive.Slice], r =>
            r.X.Is(Primitive.Pad, out var x) && r.X.Definition()!.Parameters == r.Parameters && x.Type == r.Type ? x : null),
        new("slice(spread(x))", "spread(x)", [Primitive.Slice, Primitive.Flip], r =>
        {
            if (!r.X.Is(Primitive.Rearrange, out var x))
                return null;
            var position = r.Parameters is Parameters.Slice slice ? slice.Position : ((Parameters.Axis)r.Parameters).Position;
            var spreading = Spreading.Of(r.X);
            return spreading.IsSpread(position) ? (spreading with { To = r.Type.Extents }).Apply(x) : null;
        }),
    ];

    private static bool IsAlong(Redex r, int position) => ((Parameters.Reduce)r.Parameters).Positions.Contains(position);

    /// <summary>Spread positions need no reducing: they multiply a sum by their size and leave an extremum as it is.</summary>
    private static Term? OfSpread(Redex r)
    {
        if (r.X.Definition() is not { Primitive: Primitive.Rearrange or Primitive.Fill } definition)
            return null;
        var (spreading, positions) = (Spreading.Of(r.X), ((Parameters.Reduce)r.Parameters).Positions);
        var inner = r.X with { Atom = definition.Operands[0] };
        if (!inner.Atom.IsVariable)
            inner = inner with { Atom = Atom.Variable(r.Builder.Fill(inner.Atom, [], r.Type.Kind)) };
        var reduced = positions.Where(p => !spreading.IsSpread(p)).Select(p => spreading.Source[p]).OrderBy(p => p).ToEquatableArray();
        var left = Enumerable.Range(0, inner.Type.Rank).Where(p => !reduced.Contains(p)).ToArray();
        var result = reduced.Count == 0 ? inner : inner.Of(r.Primitive, new Parameters.Reduce(reduced));
        if (r.Primitive == Primitive.Sum)
            foreach (var position in positions.Where(spreading.IsSpread))
                result = Times(result, r.X.Type.Extents[position]);
        var kept = Enumerable.Range(0, r.X.Type.Rank).Where(p => !positions.Contains(p)).ToArray();
        var source = kept.Select(p => spreading.Source[p] is var s && s < 0 ? -1 : Array.IndexOf(left, s)).ToEquatableArray();
        return new Spreading(source, result.Type.Extents, r.Type.Extents).Apply(result);
    }

    private static Term Times(Term x, Extent extent) =>
        extent.IsOne ? x : extent.IsFixed ? x * extent.Constant : x * (x with { Atom = Atom.Host(x.Builder.HostSize(extent)) });

    /// <summary>Where only the scattered position is summed, each value arrives once: the sum is over the index's own positions.</summary>
    private static Term? OfScatter(Redex r)
    {
        if (!r.X.Is(Primitive.ScatterAdd, out var values))
            return null;
        var (gather, positions) = ((Parameters.Gather)r.X.Definition()!.Parameters, ((Parameters.Reduce)r.Parameters).Positions);
        if (positions.Count != 1 || positions[0] != gather.Position)
            return null;
        var own = Enumerable.Range(0, values.Type.Rank).Where(p => !gather.Map.Contains(p)).ToEquatableArray();
        var left = Enumerable.Range(0, values.Type.Rank).Where(p => !own.Contains(p)).ToArray();
        var result = own.Count == 0 ? values : values.Of(Primitive.Sum, new Parameters.Reduce(own));
        var source = gather.Map.Where((_, i) => i != gather.Position).Select(m => Array.IndexOf(left, m)).ToEquatableArray();
        return new Spreading(source, result.Type.Extents, r.Type.Extents).Apply(result);
    }
}
