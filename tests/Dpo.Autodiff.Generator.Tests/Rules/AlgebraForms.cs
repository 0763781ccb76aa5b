using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Tests.Passes;

namespace Dpo.Autodiff.Generator.Tests.Rules;

/// <summary>A program in which a row of the algebra finds something.</summary>
/// <param name="Row">The row's <see cref="RewriteRule.Before"/>.</param>
/// <param name="Name">Which spelling of it.</param>
/// <param name="Program">The program.</param>
/// <param name="Finite">The row reassociates: it is checked on finite numbers, up to rounding.</param>
public sealed record AlgebraForm(string Row, string Name, Program Program, bool Finite)
{
    private static readonly Extent Pair = Sample.Pair;
    private static readonly Extent Token = Sample.Token;
    private static readonly Extent Vocab = Sample.Vocab;

    public static IReadOnlyList<AlgebraForm> Catalogue { get; } =
        [.. Constants(), .. Signs(), .. Spreads(), .. Factors(), .. Reductions(), .. Moves(), .. Contractions()];

    public override string ToString() => $"{Row} ({Name})";

    private static AlgebraForm Make(string row, Func<Sample, Term, Term, Term> build, string name = "") => Make(row, build, name, finite: false);

    private static AlgebraForm Finitely(string row, Func<Sample, Term, Term, Term> build, string name = "") => Make(row, build, name, finite: true);

    private static AlgebraForm Make(string row, Func<Sample, Term, Term, Term> build, string name, bool finite)
    {
        var s = new Sample();
        return new(row, name, s.Result(build(s, s.Input("x", Pair, Token), s.Input("y", Pair, Token))), finite);
    }

    private static IEnumerable<AlgebraForm> Constants() =>
    [
        Make("x * 1", (_, x, _) => x * 1),
        Make("x * 1", (s, x, _) => Filled(s, 1) * x, "ones"),
        Make("x / 1", (_, x, _) => x / x.Number(1)),
        Make("x + 0", (_, x, _) => x + 0),
        Make("x + 0", (s, x, _) => Filled(s, 0) + x, "zeros"),
        Make("x - 0", (_, x, _) => x - 0),
        Make("x + x", (_, x, _) => x + x),
        Make("x * x", (_, x, _) => x * x),
        Make("x / 2^k", (_, x, _) => x / x.Number(-8)),
        Make("x^1", (_, x, _) => x.Of(Primitive.Power, x.Number(1))),
        Make("x^2", (_, x, _) => x.Of(Primitive.Power, x.Number(2))),
        Make("x^0", (_, x, _) => x.Of(Primitive.Power, x.Number(0))),
        Make("where(c, x, x)", (s, x, _) => Mask(s).Select(x, x)),
        Make("where(c, x, x)", (s, x, _) => Mask(s).Select(x.Number(2), x.Number(2)), "number"),
        Make("where(not c, x, y)", (s, x, y) => Mask(s).Of(Primitive.Not).Select(x, y)),
        Make("where(c, where(c, x, y), z)", (s, x, y) => Mask(s) is var c ? c.Select(c.Select(x, y), x * y) : x),
        Make("where(c, x, where(c, y, z))", (s, x, y) => Mask(s) is var c ? c.Select(x * y, c.Select(x, y)) : x),
        Make("where(c, x, 0) + where(c, 0, y)", (s, x, y) => Mask(s) is var c ? c.Select(x, x.Number(0)) + c.Select(x.Number(0), y) : x),
        Make("where(c, x, 0) + where(c, 0, y)", (s, x, y) => Mask(s) is var c ? c.Select(x.Number(0), x) + c.Select(y, x.Number(0)) : x, "commuted"),
        Finitely("exp(log_softmax(x))", (_, x, _) => x.Of(Primitive.LogSoftmax, new Parameters.Axis(1)).Of(Primitive.Exp)),
        Make("not not c", (s, _, _) => Mask(s).Of(Primitive.Not).Of(Primitive.Not)),
        Make("not (x == y)", (_, x, y) => x.Of(Primitive.Equal, y).Of(Primitive.Not)),
        Make("not (x != y)", (_, x, y) => x.Of(Primitive.NotEqual, y).Of(Primitive.Not)),
        Make("c and c", (s, _, _) => Mask(s) is var c ? c.Of(Primitive.And, c) : c),
        Make("stop_gradient(stop_gradient(x))", (_, x, _) => x.Of(Primitive.StopGradient).Of(Primitive.StopGradient)),
    ];

    private static IEnumerable<AlgebraForm> Signs() =>
    [
        Make("-(-x)", (_, x, _) => -(-x)),
        Make("-number", (s, _, _) => -Filled(s, 3)),
        Make("x * -1", (_, x, _) => x * -1),
        Make("x / -1", (_, x, _) => x / x.Number(-1)),
        Make("(-x) * z", (_, x, y) => (-x) * y),
        Make("(-x) * z", (_, x, y) => x * -y, "second"),
        Make("(-x) * z", (_, x, y) => x / -y, "quotient"),
        Make("(-x) * z", (s, x, _) => s.Spread(-s.Input("w", Pair), [Pair, Token], 0, -1) * x, "spread"),
        Make("x + -z", (_, x, y) => x + -y),
        Make("x + -z", (_, x, y) => -x + y, "first"),
        Make("x - -z", (_, x, y) => x - -y),
        Make("-x - z", (_, x, y) => -x - y),
        Make("abs(-x)", (_, x, _) => (-x).Of(Primitive.Absolute)),
        Make("abs(-x)", (_, x, _) => (-x).Of(Primitive.Square), "square"),
        Make("square(abs(x))", (_, x, _) => x.Of(Primitive.Absolute).Of(Primitive.Square)),
        Make("sum(-x)", (_, x, _) => Sum(-x, 1)),
        Finitely("-(x * s)", (s, x, _) => -(x * s.Beta), "host scalar"),
        Make("-(x * s)", (_, x, _) => -(x * 3), "number"),
        Make("-(x * s)", (s, x, _) => -(x * s.Spread(s.Input("w", Pair), [Pair, Token], 0, -1)), "spread"),
        Make("-where(c, s, 0)", (s, x, _) => -Mask(s).Select(s.Spread(s.Input("w", Pair), [Pair, Token], 0, -1), x.Number(0))),
    ];

    private static IEnumerable<AlgebraForm> Spreads() =>
    [
        Make("f(x, fill(s))", (s, x, _) => x * Filled(s, 3)),
        Make("f(x, fill(s))", (s, x, _) => Filled(s, 3).Of(Primitive.Less, x), "comparison"),
        Make("f(x, fill(s))", (s, x, _) => Mask(s).Select(Filled(s, 3), x), "where"),
        Make("fill(x)", (s, x, _) => x * new Term(s.Builder, Atom.Variable(s.Builder.Fill(s.Input("w").Atom, [Pair, Token])))),
        Make("f(spread(x), spread(y))", (s, _, _) => s.Spread(s.Input("w", Pair), [Pair, Token], 0, -1).Of(Primitive.Exp)),
        Make("f(spread(x), spread(y))", (s, _, _) => s.Spread(s.Input("w", Pair), [Pair, Token, Vocab], 0, -1, -1) * s.Spread(s.Input("v", Token), [Pair, Token, Vocab], -1, 0, -1), "partly"),
        Make("f(spread(x), spread(y))", (s, _, _) => s.Spread(s.Input("w", Pair, Extent.One), [Pair, Token], 0, 1) + 2, "expanded"),
        Make("f(spread(x), spread(y))", (s, _, _) => s.Spread(s.Mask("m", Pair), [Pair, Token], 0, -1).Select(s.Spread(s.Input("w"), [Pair, Token], -1, -1), Filled(s, 1)), "where"),
        Make("rearrange(rearrange(x))", (s, x, _) => s.Spread(s.Spread(x, [Token, Extent.One, Pair], 1, -1, 0), [Pair, Vocab, Token], 2, 1, 0)),
        Make("rearrange(fill(s))", (s, _, _) => s.Spread(Filled(s, 2), [Token, Pair], 1, 0)),
        Make("rearrange(fill(s))", (s, _, _) => Filled(s, 2).Of(Primitive.Flip, new Parameters.Axis(0)), "flip"),
        Make("gather(x, spread(index))", (s, _, _) => new(s.Builder, Atom.Variable(s.Builder.Gather(
            s.Input("z", Pair, Vocab).Variable, s.Spread(s.Index("i", Pair), [Token, Pair, Extent.One], -1, 0, -1).Variable, 1, [1, -1])))),
        Make("scatter_add(x, unsqueeze(index))", (s, _, _) => new(s.Builder, Atom.Variable(s.Builder.ScatterAdd(
            s.Input("z", Pair, Extent.One).Variable, s.Spread(s.Index("i", Pair), [Pair, Extent.One], 0, -1).Variable, 1, [0, -1], [Pair, Vocab])))),
    ];

    private static IEnumerable<AlgebraForm> Factors() =>
    [
        Make("s * x", (s, x, _) => s.Beta * x),
        Make("s * x", (s, x, _) => Light(s) * x, "spread"),
        Finitely("(x * s) * t", (s, x, _) => x * s.Beta * 3, "host scalar and number"),
        Finitely("(x * s) * t", (s, x, _) => x * 0.3 * 3, "numbers"),
        Finitely("(x * s) * t", (s, x, _) => x * s.Size(Pair) * s.Beta, "host scalars"),
        Finitely("(x * s) * t", (s, x, _) => x * Light(s) * s.Beta, "spread"),
        Finitely("(x * s) / t", (s, x, _) => x * Light(s) / s.Size(Pair)),
        Finitely("(x / s) * t", (s, x, _) => x / s.Size(Pair) * s.Beta),
        Finitely("where(c, s, 0) * t", (s, x, _) => Mask(s).Select(Light(s), x.Number(0)) * s.Beta),
        Finitely("where(c, s, 0) * t", (s, x, _) => Mask(s).Select(x.Number(0), Light(s)) * s.Beta, "else"),
        Finitely("(x * s) * y", (s, x, y) => x * s.Beta * y),
        Finitely("(x * s) * y", (s, x, y) => y * (x * Light(s)), "second"),
        Finitely("(x * s) / y", (s, x, y) => x * s.Beta / y),
        Finitely("x * s + y * s", (s, x, y) => (x * s.Beta) + (y * s.Beta)),
        Finitely("x * s + y * s", (s, x, y) => Light(s) is var w ? (x * w) - (y * w) : x, "difference"),
        Finitely("x * s + y * t * s", (s, x, y) => Weights(s) is var (w, weight) ? (x * s.Spread(w, [Pair, Token], -1, -1)) + (y * weight) : x),
        Finitely("x * s + y * t * s", (s, x, y) => Weights(s) is var (w, weight) ? (y * weight) - (x * s.Spread(w, [Pair, Token], -1, -1)) : x, "first"),
        Finitely("x * s + y * t * s", (s, x, _) => Weights(s) is var (w, weight) ? weight - (x * s.Spread(w, [Pair, Token], -1, -1)) : x, "no tensor"),
        Finitely("(x * s + y * t) * r", (s, x, y) => ((x * s.Beta) + (y * 3)) * Light(s)),
        Finitely("(x * s + y * t) * r", (s, x, y) => (Light(s) - (y * 3)) * s.Beta, "difference"),
        Finitely("sum(x * s)", (s, x, _) => Sum(x * s.Beta, 0)),
        Finitely("sum(x * s)", (s, x, _) => Sum(x * s.Spread(s.Input("w"), [Pair, Token], -1, -1), 1), "spread"),
    ];

    private static IEnumerable<AlgebraForm> Reductions() =>
    [
        Make("sum(spread(x))", (s, _, _) => Sum(s.Spread(s.Input("w", Pair, Vocab), [Vocab, Token, Pair], 1, -1, 0), 0, 1)),
        Make("sum(spread(x))", (s, _, _) => s.Spread(s.Input("w", Pair), [Pair, Token], 0, -1).Of(Primitive.Max, new Parameters.Reduce([1])), "largest"),
        Make("sum(spread(x))", (s, _, _) => s.Spread(s.Input("w", Pair, Extent.One), [Pair, Token], 0, 1).Of(Primitive.Min, new Parameters.Reduce([0])), "kept"),
        Make("sum(spread(x))", (s, _, _) => s.Spread(s.Mask("m", Pair), [Pair, Token], 0, -1).Of(Primitive.Any, new Parameters.Reduce([0, 1])), "any"),
        Make("sum(spread(x))", (s, _, _) => Sum(Filled(s, 2), 1), "fill"),
        Finitely("sum(sum(x))", (s, _, _) => Sum(Sum(s.Input("z", Pair, Token, Vocab), 1), 0)),
        Make("sum(x) over an axis of extent 1", (s, _, _) => Sum(s.Input("z", Pair, Extent.One, Token), 1, 2)),
        Make("sum(x) over an axis of extent 1", (s, _, _) => Sum(s.Input("z", Pair, Extent.One), 1), "alone"),
        Finitely("sum(pad(x))", (s, _, _) => Sum(new(s.Builder, Atom.Variable(s.Builder.Pad(s.Input("z", Pair, Extent.Fixed(2)).Variable, 1, Extent.One, Token))), 1)),
        Finitely("sum(flip(x))", (_, x, _) => Sum(x.Of(Primitive.Flip, new Parameters.Axis(1)), 0, 1)),
        Finitely("sum(scatter_add(x, index)) along the index", (s, x, _) => Sum(Scatter(s, x, 1, [0, -1], Pair, Vocab), 1)),
        Finitely("sum(scatter_add(x, index)) along the index", (s, x, _) => Sum(Scatter(s, x, 0, [-1, 1, 0], Vocab, Token, Pair), 0), "several"),
    ];

    private static IEnumerable<AlgebraForm> Moves() =>
    [
        Make("flip(flip(x))", (_, x, _) => x.Of(Primitive.Flip, new Parameters.Axis(1)).Of(Primitive.Flip, new Parameters.Axis(1))),
        Make("slice(x), all of it", (s, x, _) => new(s.Builder, Atom.Variable(s.Builder.Slice(x.Variable, 1, Extent.Fixed(0), Token)))),
        Make("slice(pad(x)), the same part", (s, _, _) => new(s.Builder, Atom.Variable(s.Builder.Slice(
            s.Builder.Pad(s.Input("z", Pair, Extent.Fixed(2)).Variable, 1, Extent.One, Token, 2), 1, Extent.One, Extent.Fixed(2), 2)))),
        Make("slice(spread(x))", (s, _, _) => new(s.Builder, Atom.Variable(s.Builder.Slice(
            s.Spread(s.Input("w", Pair), [Pair, Token], 0, -1).Variable, 1, Extent.One, Extent.Fixed(2))))),
        Make("slice(spread(x))", (s, _, _) => s.Spread(s.Input("w", Pair), [Pair, Token], 0, -1).Of(Primitive.Flip, new Parameters.Axis(1)), "flip"),
        // Where the builder itself would not make it: a rearrangement that is none, from another pass.
        Make("rearrange(x), every position where it was", (s, x, _) => new(s.Builder, Atom.Variable(s.Builder.EmitDeclared(
            Primitive.Rearrange, new Parameters.Rearrange([0, 1]), x.Type, x.Atom)))),
    ];

    private static IEnumerable<AlgebraForm> Contractions() =>
    [
        Finitely("contract(transpose(x), z)", (s, x, y) => Contract(s, s.Spread(x, [Token, Pair], 1, 0), y, 2, [0, 2], [2, 1])),
        Finitely("contract(transpose(x), z)", (s, x, y) => Contract(s, x, s.Spread(y, [Token, Pair], 1, 0), 2, [0, 2], [2, 1]), "second"),
        Finitely("contract(transpose(x), z)", (s, x, _) => Contract(s, s.Spread(x, [Vocab, Pair, Token], -1, 0, 1), s.Input("z", Vocab, Token), 2, [0, 1, 2], [0, 2]), "batch"),
        Finitely("contract(x, z) along an axis of extent 1", (s, x, _) => Contract(s, x, s.Input("z", Token, Extent.One), 2, [0, 2], [2, 1])),
        Finitely("contract(x, z) along an axis of extent 1", (s, _, y) => Contract(s, s.Input("z", Extent.One, Vocab, Pair), s.Spread(y, [Extent.One, Pair, Token], -1, 0, 1), 3, [0, 1, 3], [0, 3, 2]), "batch"),
    ];

    private static Term Contract(Sample s, Term x, Term z, int rank, int[] left, int[] right) =>
        new(s.Builder, Atom.Variable(s.Builder.Contract(x.Variable, z.Variable, rank, left, right)));

    private static Term Mask(Sample s) => s.Mask("c" + s.Builder.Inputs.Count, Pair, Token);

    private static Term Filled(Sample s, double number) => new(s.Builder, Atom.Variable(s.Builder.Fill(Atom.Literal(number), [Pair, Token])));

    private static Term Light(Sample s) => s.Spread(s.Input("w" + s.Builder.Inputs.Count, Pair), [Pair, Token], 0, -1);

    /// <summary>A weight w, and t * w spread along the tokens.</summary>
    private static (Term W, Term Spread) Weights(Sample s)
    {
        var w = s.Input("w");
        return (w, s.Spread(s.Input("t", Pair) * s.Spread(w, [Pair], -1), [Pair, Token], 0, -1));
    }

    private static Term Sum(Term x, params int[] positions) => x.Of(Primitive.Sum, new Parameters.Reduce(positions.ToEquatableArray()));

    private static Term Scatter(Sample s, Term x, int position, int[] map, params Extent[] extents) =>
        new(s.Builder, Atom.Variable(s.Builder.ScatterAdd(x.Variable, s.Index("i", Pair, Token).Variable, position, map, extents.ToEquatableArray())));
}
