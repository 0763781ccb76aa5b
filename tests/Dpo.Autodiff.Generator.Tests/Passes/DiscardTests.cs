using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>What a where discards poisons neither the value nor a gradient, however far behind the where it went wrong.</summary>
public class DiscardTests
{
    private static readonly Extent Pair = Sample.Pair;
    private static readonly Extent Token = Sample.Token;
    private static readonly Parameters.Reduce Last = new([1]);

    /// <summary>Each makes [pair] of x [pair token], y [pair] and labels [pair]; row 1 is bad and discarded.</summary>
    private static readonly Dictionary<string, Func<Sample, Term, Term, Term>> Bodies = new()
    {
        ["overflow behind pointwise"] = (_, x, y) => y.Of(Primitive.Exp).Of(Primitive.Exp) * y,
        ["division by zero"] = (_, x, y) => x.Of(Primitive.Sum, Last) / y,
        ["logarithm of zero"] = (_, x, y) => y.Of(Primitive.Log) + y.Of(Primitive.Sqrt),
        ["overflow behind a sum"] = (_, x, _) => x.Of(Primitive.Exp).Of(Primitive.Sum, Last),
        ["behind a maximum"] = (_, x, _) => x.Of(Primitive.Exp).Of(Primitive.Max, Last),
        ["behind logsumexp"] = (_, x, _) => x.Of(Primitive.Exp).Of(Primitive.LogSumExp, Last),
        ["label behind log_softmax"] = (s, x, _) => Picked(s, x.Of(Primitive.LogSoftmax, new Parameters.Axis(1))),
        ["label behind softmax"] = (s, x, _) => Picked(s, x.Of(Primitive.Softmax, new Parameters.Axis(1))),
        ["several labels behind log_softmax"] = (s, x, _) => new Term(
            s.Builder,
            Atom.Variable(s.Builder.Gather(x.Of(Primitive.LogSoftmax, new Parameters.Axis(1)).Variable, s.Index("several", Pair, Extent.Fixed(2)).Variable, 1, [0, -1]))).Of(Primitive.Sum, Last),
        ["some elements behind log_softmax"] = (_, x, _) => Likely(x.Of(Primitive.LogSoftmax, new Parameters.Axis(1))).Of(Primitive.Sum, Last),
        ["some elements behind sums"] = (s, x, y) => Likely(x * s.Spread(x.Of(Primitive.Exp).Of(Primitive.Sum, Last), [Pair, Token], 0, -1)).Of(Primitive.Sum, Last),
        ["behind cumsum"] = (s, x, _) => Picked(s, x.Of(Primitive.Exp).Of(Primitive.CumSum, new Parameters.Scan(1, false))),
        ["behind logcumsumexp"] = (s, x, _) => Picked(s, x.Of(Primitive.LogCumSumExp, new Parameters.Scan(1, false))),
        ["behind sort"] = (s, x, _) => Picked(s, new(s.Builder, Atom.Variable(s.Builder.Sort(x.Of(Primitive.Exp).Variable, 1, false).Values))),
        ["behind flip and slice"] = (s, x, _) => s.Spread(
            new Term(s.Builder, Atom.Variable(s.Builder.Slice(x.Of(Primitive.Exp).Of(Primitive.Flip, new Parameters.Axis(1)).Variable, 1, Extent.One, Extent.One))), [Pair], 0),
        ["behind a power"] = (_, x, y) => y.Of(Primitive.Power, y) + x.Of(Primitive.Power, x.Number(-2)).Of(Primitive.Sum, Last),
    };

    public static TheoryData<string, double> Cases
    {
        get
        {
            var data = new TheoryData<string, double>();
            foreach (var name in Bodies.Keys)
                foreach (var bad in new[] { 1e4, double.PositiveInfinity, double.NegativeInfinity, double.NaN, 0 })
                    data.Add(name, bad);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void NothingIsPoisoned(string name, double bad)
    {
        var s = new Sample();
        var (x, y) = (s.Input("x", Pair, Token), s.Input("y", Pair));
        var body = Bodies[name](s, x, y);
        var program = s.Result(s.Mask("keep", Pair).Select(body, body.Number(0)).Of(Primitive.Sum, new Parameters.Reduce([0])));

        Check(program, bad);
        Check(Simplify.Run(program), bad);
        Check(Lower.Run(program), bad);
    }

    /// <summary>The label's logarithm is discarded by itself and held within bounds, all others with the sum: what is common to both discards the row.</summary>
    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void NothingIsPoisonedByTwoWays(double bad)
    {
        var s = new Sample();
        var (x, keep) = (s.Input("x", Pair, Token), s.Mask("keep", Pair));
        var logs = x.Of(Primitive.LogSoftmax, new Parameters.Axis(1));
        var label = keep.Select(Picked(s, logs), x.Number(0));
        var body = label.Of(Primitive.ClampMin, x.Number(-20)) + Likely(logs).Of(Primitive.Sum, Last);
        var program = s.Result(keep.Select(body, body.Number(0)).Of(Primitive.Sum, new Parameters.Reduce([0])));

        Check(program, bad);
        Check(Simplify.Run(program), bad);
    }

    private static void Check(Program program, double bad)
    {
        var inputs = Sample.Draw(program, 7, r => 0.5 + r.NextDouble());
        for (var i = 0; i < program.Inputs.Count; i++)
            for (var k = 0; k < inputs[i].Length; k++)
            {
                var row = k * 5 / inputs[i].Length;
                inputs[i][k] = program.Inputs[i].Name switch { "keep" => row == 1 ? 0 : 1, _ => row == 1 && program.Types[program.Inputs[i].Variable].Kind == ElementKind.Real ? bad : inputs[i][k] };
            }

        foreach (var joint in new[] { Differentiate.Joint(program), Simplify.Run(Differentiate.Joint(program)), Simplify.Run(Lower.Run(Simplify.Run(Differentiate.Joint(program)))) })
        {
            var results = Sample.Run(joint, [.. inputs, [1.0]]);
            Assert.All(joint.Outputs.Zip(results), output => AssertClean(output.First.Name, output.Second));
        }
    }

    private static void AssertClean(string name, double[] elements)
    {
        for (var k = 0; k < elements.Length; k++)
        {
            var isDiscarded = elements.Length > 1 && k * 5 / elements.Length == 1;
            Assert.True(isDiscarded ? elements[k] == 0 : double.IsFinite(elements[k]), $"{name}[{k}] is {elements[k]}.");
        }
    }

    private static Term Likely(Term x) => x.Of(Primitive.Greater, x.Number(-2)).Select(x.Of(Primitive.Exp) * x, x.Number(0));

    private static Term Picked(Sample s, Term x) => new(s.Builder, Atom.Variable(s.Builder.Gather(x.Variable, s.Index("labels", Pair).Variable, 1, [0, -1])));
}
