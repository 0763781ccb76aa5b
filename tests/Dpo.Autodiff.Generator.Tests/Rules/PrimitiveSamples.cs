using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Tests.Passes;

namespace Dpo.Autodiff.Generator.Tests.Rules;

/// <summary>A program of one primitive (and what it needs), and where its arguments are drawn from.</summary>
/// <param name="Name">Unique.</param>
/// <param name="Primitive">The primitive it is about.</param>
/// <param name="Program">The program.</param>
/// <param name="Draw">Where real arguments are drawn from.</param>
/// <param name="IsSharp">Whether every part of the derivative counts at these arguments: not where ties are too rare for their share to show.</param>
public sealed record PrimitiveSample(string Name, Primitive Primitive, Program Program, Func<Random, double> Draw, bool IsSharp = true)
{
    public override string ToString() => Name;
}

/// <summary>Every primitive at least once, in every form that its rules distinguish.</summary>
public static class PrimitiveSamples
{
    private static readonly Extent Pair = Sample.Pair;
    private static readonly Extent Token = Sample.Token;
    private static readonly Extent Vocab = Sample.Vocab;

    public static IReadOnlyList<PrimitiveSample> All { get; } = [.. Pointwise(), .. Conditions(), .. Axes(), .. Reductions(), .. Products(), .. Indexing(), .. Ordered()];

    public static PrimitiveSample Named(string name) => All.Single(s => s.Name == name);

    private static double Positive(Random random) => 0.2 + (2 * random.NextDouble());

    private static double Negative(Random random) => -Positive(random);

    /// <summary>Whole numbers, so that equal elements occur.</summary>
    private static double Tied(Random random) => random.Next(3);

    /// <summary>Where quotients are far from infinite and kinks far away.</summary>
    private static double NotZero(Random random) => random.Next(2) == 0 ? Positive(random) : Negative(random);

    /// <summary>Equal or well apart.</summary>
    private static double Apart(Random random) => Math.Round(Sample.Normal(random) * 100) / 100;

    private static PrimitiveSample Make(string name, Primitive primitive, Func<Sample, Term> build, Func<Random, double>? draw = null)
    {
        var sample = new Sample();
        return new(name, primitive, sample.Result(build(sample)), draw ?? Sample.Normal);
    }

    private static IEnumerable<PrimitiveSample> Pointwise()
    {
        Primitive[] anywhere =
        [
            Primitive.Negate, Primitive.Absolute, Primitive.Sign, Primitive.Exp, Primitive.ExpM1, Primitive.Square, Primitive.Reciprocal, Primitive.Sigmoid,
            Primitive.LogSigmoid, Primitive.Softplus, Primitive.Tanh, Primitive.Relu, Primitive.Erf, Primitive.StopGradient,
        ];
        Primitive[] positive = [Primitive.Log, Primitive.Log1P, Primitive.Log2, Primitive.Sqrt, Primitive.SqrtZero, Primitive.Rsqrt];
        foreach (var primitive in anywhere)
            yield return Make(primitive.ToString(), primitive, s => s.Input("x", Pair).Of(primitive), NotZero);
        foreach (var primitive in positive)
            yield return Make(primitive.ToString(), primitive, s => s.Input("x", Pair).Of(primitive), Positive);
        yield return Make("Log1MExp", Primitive.Log1MExp, s => s.Input("x", Pair).Of(Primitive.Log1MExp), Negative);

        Primitive[] binary =
        [
            Primitive.Add, Primitive.Subtract, Primitive.Multiply, Primitive.Divide,
            Primitive.Minimum, Primitive.Maximum, Primitive.ClampMin, Primitive.ClampMax,
        ];
        foreach (var primitive in binary)
        {
            var draw = primitive is Primitive.Minimum or Primitive.Maximum ? Tied : (Func<Random, double>)NotZero;
            yield return Make(primitive.ToString(), primitive, s => s.Input("x", Pair).Of(primitive, s.Input("z", Pair)), draw);
            yield return Make(primitive + " of a scalar", primitive, s => s.Input("z", Pair) is var z ? z.Number(2).Of(primitive, z) : z, draw);
            yield return Make(primitive + " by a scalar", primitive, s => s.Input("x", Pair) is var x ? x.Of(primitive, x.Number(2)) : x, draw);
            yield return Make(primitive + " by a host scalar", primitive, s => s.Input("x", Pair).Of(primitive, s.Beta), NotZero) with { IsSharp = false };
        }

        yield return Make("Power", Primitive.Power, s => s.Input("x", Pair).Of(Primitive.Power, s.Input("z", Pair)), Positive);
        yield return Make("Power by a scalar", Primitive.Power, s => s.Input("x", Pair).Of(Primitive.Power, s.Beta), Positive);
        yield return Make("Power of a scalar", Primitive.Power, s => s.Beta.Of(Primitive.Power, s.Input("z", Pair)), Positive);
        foreach (var exponent in new[] { 0, 1, 2, 3, -1, 0.5 })
            yield return Make($"Power {exponent}", Primitive.Power, s => s.Input("x", Pair) is var x ? x.Of(Primitive.Power, x.Number(exponent)) : x, Positive);
    }

    private static IEnumerable<PrimitiveSample> Conditions()
    {
        Primitive[] comparisons =
        [
            Primitive.Equal, Primitive.NotEqual, Primitive.Less, Primitive.LessOrEqual, Primitive.Greater, Primitive.GreaterOrEqual,
        ];
        foreach (var primitive in comparisons)
            yield return Make(primitive.ToString(), primitive, s => s.Input("x", Pair).Of(primitive, s.Input("z", Pair)), Tied);
        foreach (var primitive in new[] { Primitive.And, Primitive.Or, Primitive.Xor })
            yield return Make(primitive.ToString(), primitive, s => s.Mask("b", Pair).Of(primitive, s.Mask("c", Pair)));
        yield return Make("Not", Primitive.Not, s => s.Mask("b", Pair).Of(Primitive.Not));
        foreach (var primitive in new[] { Primitive.IsNaN, Primitive.IsInfinite, Primitive.IsFinite })
            yield return Make(primitive.ToString(), primitive, s => s.Input("x", Pair).Of(primitive), r => r.Next(3) switch { 0 => double.NaN, 1 => 1, _ => -1 / 0.0 });
        yield return Make("Where", Primitive.Where, s => s.Mask("c", Pair).Select(s.Input("x", Pair), s.Input("z", Pair)));
        yield return Make("Where with a scalar", Primitive.Where, s => s.Mask("c", Pair).Select(s.Input("x", Pair), s.Beta));
        yield return Make(
            "Where of Where", Primitive.Where, s => s.Mask("c", Pair) is var c ? c.Select(s.Mask("d", Pair).Select(s.Input("x", Pair), s.Input("y", Pair)).Of(Primitive.Exp), s.Input("z", Pair)) : c);
    }

    private static IEnumerable<PrimitiveSample> Axes()
    {
        yield return Make("Convert", Primitive.Convert, s => Declared(s, Primitive.Convert, new Parameters.Convert(null), ElementKind.Integer, [Pair], s.Input("x", Pair)));
        yield return Make("Convert to a dtype", Primitive.Convert, s => Declared(s, Primitive.Convert, new Parameters.Convert("Float64"), ElementKind.Real, [Pair], s.Input("x", Pair)));
        yield return Make("Convert of a condition", Primitive.Convert, s => Declared(s, Primitive.Convert, new Parameters.Convert(null), ElementKind.Real, [Pair], s.Mask("c", Pair)));
        yield return Make("Fill", Primitive.Fill, s => Declared(s, Primitive.Fill, Parameters.Nothing, ElementKind.Real, [Pair, Token], s.Input("x")));
        yield return Make("Iota", Primitive.Iota, s => new(s.Builder, Atom.Variable(s.Builder.Iota(1, [Pair, Token]))));
        yield return Make("Rearrange, transposed", Primitive.Rearrange, s => s.Spread(s.Input("x", Pair, Token), [Token, Pair], 1, 0));
        yield return Make("Rearrange, spread", Primitive.Rearrange, s => s.Spread(s.Input("x", Pair), [Token, Pair, Vocab], -1, 0, -1));
        yield return Make("Rearrange, expanded", Primitive.Rearrange, s => s.Spread(s.Input("x", Pair, Extent.One), [Token, Pair], 1, 0));
        yield return Make("Rearrange, squeezed", Primitive.Rearrange, s => s.Spread(s.Input("x", Extent.One, Pair, Extent.One), [Extent.One, Pair], -1, 1));
        yield return Make("Slice", Primitive.Slice, s => new(s.Builder, Atom.Variable(s.Builder.Slice(s.Input("x", Pair, Token).Variable, 1, Extent.One, Extent.Fixed(2), 2))));
        yield return Make("Pad", Primitive.Pad, s => new(s.Builder, Atom.Variable(s.Builder.Pad(s.Input("x", Pair, Extent.Fixed(2)).Variable, 1, Extent.One, Token, 2))));
        yield return Make("Flip", Primitive.Flip, s => s.Input("x", Pair, Token).Of(Primitive.Flip, new Parameters.Axis(0)));
    }

    private static IEnumerable<PrimitiveSample> Reductions()
    {
        foreach (var primitive in new[] { Primitive.Sum, Primitive.Max, Primitive.Min, Primitive.LogSumExp })
            foreach (var positions in new[] { new[] { 0 }, [1], [0, 2], [0, 1, 2] })
                yield return Make(
                    $"{primitive} over {string.Join(", ", positions)}", primitive, s => s.Input("x", Pair, Extent.Fixed(2), Vocab).Of(primitive, new Parameters.Reduce(positions.ToEquatableArray())), Apart)
                    with
                { IsSharp = primitive is not (Primitive.Max or Primitive.Min) };
        foreach (var primitive in new[] { Primitive.Max, Primitive.Min })
            yield return Make(
                $"{primitive} with ties", primitive, s => s.Input("x", Extent.Fixed(2), Pair).Of(primitive, new Parameters.Reduce([0])), Tied);
        foreach (var primitive in new[] { Primitive.Any, Primitive.All })
            yield return Make(primitive.ToString(), primitive, s => s.Mask("c", Pair, Token).Of(primitive, new Parameters.Reduce([1])));
        yield return Make("ArgMax", Primitive.ArgMax, s => s.Input("x", Pair, Token).Of(Primitive.ArgMax, new Parameters.Axis(1)));
        foreach (var primitive in new[] { Primitive.Softmax, Primitive.LogSoftmax })
            foreach (var position in new[] { 0, 1 })
                yield return Make($"{primitive} along {position}", primitive, s => s.Input("x", Pair, Token).Of(primitive, new Parameters.Axis(position)));
    }

    private static IEnumerable<PrimitiveSample> Products()
    {
        yield return Make("Contract of matrices", Primitive.Contract, s => Contract(s, s.Input("x", Pair, Token), s.Input("z", Token, Vocab), 2, [0, 2], [2, 1]));
        yield return Make("Contract, transposed", Primitive.Contract, s => Contract(s, s.Input("x", Token, Pair), s.Input("z", Vocab, Token), 2, [2, 1], [0, 2]));
        yield return Make("Contract in batches", Primitive.Contract, s => Contract(s, s.Input("x", Pair, Token, Vocab), s.Input("z", Vocab, Pair, Token), 3, [1, 0, 3], [3, 1, 2]));
        yield return Make("Contract over two axes", Primitive.Contract, s => Contract(s, s.Input("x", Pair, Token, Vocab), s.Input("z", Vocab, Pair, Extent.Fixed(2)), 2, [3, 0, 2], [2, 3, 1]));
        yield return Make("Contract along an axis of extent 1", Primitive.Contract, s => Contract(s, s.Input("x", Pair, Extent.One, Token), s.Input("z", Token, Vocab), 3, [0, 1, 3], [3, 2]));
        yield return Make("Contract with a vector", Primitive.Contract, s => Contract(s, s.Input("x", Pair, Token), s.Input("z", Token), 1, [0, 1], [1]));
        yield return Make("Contract of vectors", Primitive.Contract, s => Contract(s, s.Input("x", Token), s.Input("z", Token), 0, [0], [0]));
        yield return Make("Contract without a sum", Primitive.Contract, s => Contract(s, s.Input("x", Pair), s.Input("z", Token), 2, [0], [1]));
        yield return Make("Contract with itself", Primitive.Contract, s => s.Input("x", Pair, Token) is var x ? Contract(s, x, x, 2, [0, 2], [1, 2]) : x);
    }

    private static IEnumerable<PrimitiveSample> Indexing()
    {
        yield return Make("Gather of players", Primitive.Gather, s => Gather(s, s.Input("x", Vocab), s.Index("i", Pair), 0, -1));
        yield return Make("Gather of labels", Primitive.Gather, s => Gather(s, s.Input("x", Pair, Vocab), s.Index("i", Pair), 1, 0, -1));
        yield return Make("Gather of rows", Primitive.Gather, s => Gather(s, s.Input("x", Token, Vocab), s.Index("i", Pair, Token), 1, 1, -1));
        yield return Make("ScatterAdd to players", Primitive.ScatterAdd, s => Scatter(s, s.Input("x", Pair), s.Index("i", Pair), 0, [-1], [Vocab]));
        yield return Make("ScatterAdd to labels", Primitive.ScatterAdd, s => Scatter(s, s.Input("x", Pair), s.Index("i", Pair), 1, [0, -1], [Pair, Vocab]));
    }

    private static IEnumerable<PrimitiveSample> Ordered()
    {
        foreach (var primitive in new[] { Primitive.CumSum, Primitive.LogCumSumExp })
            foreach (var reverse in new[] { false, true })
                yield return Make($"{primitive}{(reverse ? " reversed" : "")}", primitive, s => s.Input("x", Pair, Token).Of(primitive, new Parameters.Scan(1, reverse)));
        // A cotangent that is equal along the scan, where a mask lets it through, and times a weight.
        Term Scanned(Sample s) => s.Input("x", Pair, Token).Of(Primitive.LogCumSumExp, new Parameters.Scan(1, false));
        yield return Make("LogCumSumExp, summed", Primitive.LogCumSumExp, s => Scanned(s).Of(Primitive.Sum, new Parameters.Reduce([0, 1])));
        yield return Make("LogCumSumExp, summed by row", Primitive.LogCumSumExp, s => (-Scanned(s)).Of(Primitive.Sum, new Parameters.Reduce([1])));
        yield return Make("LogCumSumExp, masked", Primitive.LogCumSumExp, s => Scanned(s) is var y
            ? s.Mask("c", Pair, Token).Select(y, y.Number(0)).Of(Primitive.Sum, new Parameters.Reduce([0, 1])) : y);
        yield return Make("LogCumSumExp, masked out", Primitive.LogCumSumExp, s => Scanned(s) is var y
            ? s.Mask("c", Pair, Token).Select(y.Number(0), y).Of(Primitive.Sum, new Parameters.Reduce([1])) : y);
        yield return Make("LogCumSumExp, weighted", Primitive.LogCumSumExp, s => (Scanned(s) * s.Constant("w", Pair, Token)).Of(Primitive.Sum, new Parameters.Reduce([0, 1])));
        foreach (var descending in new[] { false, true })
            yield return Make(
                $"Sort {(descending ? "descending" : "ascending")}", Primitive.Sort, s => new(s.Builder, Atom.Variable(s.Builder.Sort(s.Input("x", Pair, Token).Variable, 0, descending).Values)), Apart);
    }

    private static Term Declared(Sample s, Primitive primitive, Parameters parameters, ElementKind kind, Extent[] extents, Term operand) =>
        new(s.Builder, Atom.Variable(s.Builder.EmitDeclared(primitive, parameters, new TensorType(kind, extents.ToEquatableArray()), operand.Atom)));

    private static Term Contract(Sample s, Term x, Term z, int rank, int[] left, int[] right) =>
        new(s.Builder, Atom.Variable(s.Builder.Contract(x.Variable, z.Variable, rank, left, right)));

    private static Term Gather(Sample s, Term x, Term index, int position, params int[] map) =>
        new(s.Builder, Atom.Variable(s.Builder.Gather(x.Variable, index.Variable, position, map)));

    private static Term Scatter(Sample s, Term x, Term index, int position, int[] map, Extent[] extents) =>
        new(s.Builder, Atom.Variable(s.Builder.ScatterAdd(x.Variable, index.Variable, position, map, extents.ToEquatableArray())));
}
