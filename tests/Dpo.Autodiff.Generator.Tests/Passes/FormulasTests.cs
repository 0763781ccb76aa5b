using System.Runtime.CompilerServices;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Tests.Emit;
using Dpo.Autodiff.Tests;

namespace Dpo.Autodiff.Generator.Tests.Passes;

public class FormulasTests
{
    private static readonly Extent Pair = Sample.Pair;
    private static readonly Extent Token = Sample.Token;
    private static readonly Extent Vocab = Sample.Vocab;

    [Fact]
    public Task Dpo()
    {
        var s = new Sample();
        var chosen = s.Beta * (s.Input("chosen", Pair) - s.Constant("referenceChosen", Pair));
        var rejected = s.Beta * (s.Input("rejected", Pair) - s.Constant("referenceRejected", Pair));
        var loss = -Mean(s, (chosen - rejected).Of(Primitive.LogSigmoid), Pair);
        return Match(s, [("loss", loss), ("chosenReward", chosen.Of(Primitive.StopGradient)), ("rejectedReward", rejected.Of(Primitive.StopGradient))]);
    }

    [Fact]
    public Task CrossEntropy()
    {
        var s = new Sample();
        var logp = s.Input("logits", Pair, Vocab).Of(Primitive.LogSoftmax, new Parameters.Axis(1));
        var taken = new Term(s.Builder, Atom.Variable(s.Builder.Gather(logp.Variable, s.Index("label", Pair).Variable, 1, [0, -1])));
        return Match(s, [("loss", -Mean(s, taken, Pair))]);
    }

    [Fact]
    public Task BradleyTerry()
    {
        var s = new Sample();
        var strength = s.Input("strength", Vocab);
        Term Of(string name) => new(s.Builder, Atom.Variable(s.Builder.Gather(strength.Variable, s.Index(name, Pair).Variable, 0, [-1])));
        return Match(s, [("loss", -Mean(s, (Of("winner") - Of("loser")).Of(Primitive.LogSigmoid), Pair))]);
    }

    [Fact]
    public Task PlackettLuce()
    {
        var s = new Sample();
        var x = s.Input("score", Pair, Token);
        var loss = (x.Of(Primitive.LogCumSumExp, new Parameters.Scan(1, true)) - x).Of(Primitive.Sum, new Parameters.Reduce([1]));
        return Match(s, [("loss", Mean(s, loss, Pair))]);
    }

    [Fact]
    public Task Pairwise()
    {
        var s = new Sample();
        var x = s.Input("score", Pair, Token);
        var m = s.Spread(x, [Pair, Token, Token], 0, 1, -1) - s.Spread(x, [Pair, Token, Token], 0, -1, 1);
        return Match(s, [("loss", -Mean(s, m.Of(Primitive.LogSigmoid), Pair, Token, Token))]);
    }

    /// <summary>Every primitive has its row, and the same program gives the same text.</summary>
    [Theory]
    [MemberData(nameof(TorchEmitterTests.Primitives), MemberType = typeof(TorchEmitterTests))]
    public void Every_primitive_has_its_notation(Primitive primitive)
    {
        foreach (var program in PrimitivePrograms.Of(primitive))
        {
            var joint = Differentiate.Joint(program);
            var formula = Formulas.Of(program, joint);
            Assert.StartsWith("y", formula.Formula, StringComparison.Ordinal);
            Assert.Equal(formula, Formulas.Of(program, joint));
            Assert.DoesNotContain('\n', Formulas.Equation(program, program.Outputs[0].Variable));
        }
    }

    [Fact]
    public void A_stage_comment_is_one_line_of_bounded_length()
    {
        var s = new Sample();
        var x = s.Input("x", Pair);
        for (var i = 0; i < 40; i++)
            x = x.Of(Primitive.Sigmoid) + x;
        var program = s.Result(x);
        var line = Formulas.Equation(program, program.Outputs[0].Variable);
        Assert.StartsWith("r0[pair] = ", line, StringComparison.Ordinal);
        Assert.True(line.Length < 160, line);
    }

    private static Term Mean(Sample s, Term x, params Extent[] extents)
    {
        var sum = x.Of(Primitive.Sum, new Parameters.Reduce(Enumerable.Range(x.Type.Rank - extents.Length, extents.Length).ToEquatableArray()));
        return extents.Aggregate(sum, (y, e) => y / s.Size(e));
    }

    private static Task Match(Sample s, (string Name, Term Value)[] results, [CallerMemberName] string method = "")
    {
        foreach (var (name, value) in results)
            s.Builder.Output(name, value.Variable, OutputRole.Result, ["x"]);
        var forward = Cse.Run(Simplify.Run(s.Builder.Build()));
        var joint = DeadCode.Run(Cse.Run(Simplify.Run(Differentiate.Joint(forward))));
        var formula = Formulas.Of(forward, joint);
        Assert.True(formula.Summary.Count <= Formulas.SummaryLines);
        return Snapshot.Match(formula.Formula + "\n\n" + string.Join("\n\n", formula.Gradients.Select(g => g.Text)) + "\n\nsummary:\n" + string.Join("\n", formula.Summary), method: method);
    }
}
