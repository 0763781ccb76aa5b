using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Passes;
using Dpo.Autodiff.Tests;

namespace Dpo.Autodiff.Generator.Tests.Schedule;

/// <summary>The plans of the shapes that objectives have, as text; each is also run.</summary>
public class PlanTests
{
    private static readonly Extent Pair = Sample.Pair;
    private static readonly Extent Token = Sample.Token;
    private static readonly Extent Vocab = Sample.Vocab;

    [Fact]
    public Task Dpo() => Match(Scheduled.Joint(DpoProgram()));

    [Fact]
    public Task DpoValue() => Match(Scheduled.Of(DpoProgram()));

    [Fact]
    public Task SoftmaxRows()
    {
        var s = new Sample();
        var x = s.Input("x", Pair, Token);
        return Match(Scheduled.Of(s.Result(x.Of(Primitive.Softmax, new Parameters.Axis(1)))));
    }

    [Fact]
    public Task SoftmaxColumns()
    {
        var s = new Sample();
        var x = s.Input("x", Pair, Token);
        return Match(Scheduled.Of(s.Result(x.Of(Primitive.Softmax, new Parameters.Axis(0)))));
    }

    [Fact]
    public Task MaskedMeanOfTokens() => Match(Scheduled.Joint(MaskedMean()));

    [Fact]
    public Task ColumnSum()
    {
        var s = new Sample();
        var x = s.Input("x", Pair, Token);
        return Match(Scheduled.Of(s.Result((x * x).Of(Primitive.Sum, new Parameters.Reduce([0])))));
    }

    [Fact]
    public Task TokenLogProbability() => Match(Scheduled.Joint(TokenLogProbabilities()));

    [Fact]
    public Task TokenLogProbabilityBackward() => Match(Scheduled.Backward(TokenLogProbabilities()));

    [Fact]
    public void RowsAreReadOnceThoughTheirGradientsWaitForACount()
    {
        var s = new Sample();
        var (x, mask) = (s.Input("x", Pair, Token), s.Mask("mask", Pair));
        var rows = x.Of(Primitive.LogSumExp, new Parameters.Reduce([1]));
        var whole = new Term(s.Builder, Atom.Variable(s.Builder.Convert(mask.Variable, ElementKind.Integer))).Of(Primitive.Sum, new Parameters.Reduce([0]));
        var count = new Term(s.Builder, Atom.Variable(s.Builder.Convert(whole.Variable, ElementKind.Real)));
        var loops = Scheduled.Joint(s.Result(mask.Select(rows, rows.Number(0)).Of(Primitive.Sum, new Parameters.Reduce([0])) / count));
        Scheduled.Check(loops, Sample.Draw(loops.Source, 1), Sample.Extents, Sample.Parameters);
        Assert.Contains("reads of x: pair*token from memory", LoopPrinter.Print(loops), StringComparison.Ordinal);
    }

    [Fact]
    public Task EveryItemAgainstEveryOther()
    {
        var s = new Sample();
        var x = s.Input("x", Token);
        var difference = s.Spread(x, [Token, Token], 0, -1) - s.Spread(x, [Token, Token], -1, 0);
        return Match(Scheduled.Joint(s.Result(difference.Of(Primitive.LogSigmoid).Of(Primitive.Sum, new Parameters.Reduce([0, 1])))));
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(3, 0)]
    [InlineData(1, 1)]
    public void SizesOfZeroAndOneRun(long pairs, long tokens)
    {
        var extents = new Dictionary<string, long> { ["pair"] = pairs, ["token"] = tokens };
        foreach (var loops in new[] { Scheduled.Joint(DpoProgram()), Scheduled.Of(MaskedMean()), Scheduled.Joint(MaskedMean()), Scheduled.Backward(MaskedMean()) })
        {
            var inputs = loops.Source.Inputs.Select(i => loops.Source.Types[i.Variable])
                .Select(type => Enumerable.Repeat(type.Kind == ElementKind.Boolean ? 1.0 : 0.25, (int)type.Extents.Aggregate(1L, (n, e) => n * ProgramEvaluator.Size(e, extents))).ToArray());
            Scheduled.Check(loops, inputs.ToArray(), extents, Sample.Parameters);
        }
    }

    private static Program DpoProgram()
    {
        var s = new Sample();
        var (chosen, rejected) = (s.Input("chosen", Pair), s.Input("rejected", Pair));
        var (referenceChosen, referenceRejected) = (s.Constant("referenceChosen", Pair), s.Constant("referenceRejected", Pair));
        var chosenReward = (chosen - referenceChosen) * s.Beta;
        var rejectedReward = (rejected - referenceRejected) * s.Beta;
        var sum = (chosenReward - rejectedReward).Of(Primitive.LogSigmoid).Of(Primitive.Sum, new Parameters.Reduce([0]));
        return s.Result(-(sum / s.Size(Pair)), chosenReward.Of(Primitive.StopGradient), rejectedReward.Of(Primitive.StopGradient));
    }

    private static Program MaskedMean()
    {
        var s = new Sample();
        var (chosen, rejected) = (s.Input("chosen", Pair, Token), s.Input("rejected", Pair, Token));
        var (chosenMask, rejectedMask) = (s.Mask("chosenMask", Pair, Token), s.Mask("rejectedMask", Pair, Token));
        Term Mean(Term x, Term mask) =>
            mask.Select(x, x.Number(0)).Of(Primitive.Sum, new Parameters.Reduce([1]))
            / new Term(s.Builder, Atom.Variable(s.Builder.Convert(mask.Variable, ElementKind.Real))).Of(Primitive.Sum, new Parameters.Reduce([1]));
        var margin = (Mean(chosen, chosenMask) - Mean(rejected, rejectedMask)) * s.Beta;
        return s.Result(-(margin.Of(Primitive.LogSigmoid).Of(Primitive.Sum, new Parameters.Reduce([0])) / s.Size(Pair)));
    }

    private static Program TokenLogProbabilities()
    {
        var s = new Sample();
        var logits = s.Input("logits", Pair, Token, Vocab);
        var labels = s.Index("labels", Pair, Token);
        var mask = s.Mask("mask", Pair, Token);
        var all = logits.Of(Primitive.LogSoftmax, new Parameters.Axis(2));
        var index = s.Spread(labels, [Pair, Token, Extent.One], 0, 1, -1);
        var picked = s.Builder.Gather(all.Variable, index.Variable, 2, [0, 1, -1]);
        var logProbability = new Term(s.Builder, Atom.Variable(s.Builder.Rearrange(picked, [0, 1], [Pair, Token])));
        var sums = mask.Select(logProbability, logits.Number(0)).Of(Primitive.Sum, new Parameters.Reduce([1]));
        return s.Result(-(sums.Of(Primitive.Sum, new Parameters.Reduce([0])) / s.Size(Pair)));
    }

    private static Task Match(LoopProgram loops, [System.Runtime.CompilerServices.CallerMemberName] string method = "")
    {
        Scheduled.Check(loops, Sample.Draw(loops.Source, 1), Sample.Extents, Sample.Parameters);
        return Snapshot.Match(LoopPrinter.Print(loops), method: method);
    }
}
