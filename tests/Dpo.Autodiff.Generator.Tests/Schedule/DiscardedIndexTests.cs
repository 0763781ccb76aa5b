using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Passes;

namespace Dpo.Autodiff.Generator.Tests.Schedule;

/// <summary>An index that is out of range at places that a where discards is not read there: padding labels of -100 do no harm.</summary>
public class DiscardedIndexTests
{
    [Fact]
    public void LabelsAtPaddingAreNotRead()
    {
        var s = new Sample();
        var logits = s.Input("logits", Sample.Pair, Sample.Token, Sample.Vocab);
        var index = s.Spread(s.Index("labels", Sample.Pair, Sample.Token), [Sample.Pair, Sample.Token, Extent.One], 0, 1, -1);
        var picked = s.Builder.Gather(logits.Of(Primitive.LogSoftmax, new Parameters.Axis(2)).Variable, index.Variable, 2, [0, 1, -1]);
        var logProbability = new Term(s.Builder, Atom.Variable(s.Builder.Rearrange(picked, [0, 1], [Sample.Pair, Sample.Token])));
        var mask = s.Mask("mask", Sample.Pair, Sample.Token);
        var sums = mask.Select(logProbability.Of(Primitive.Exp).Of(Primitive.Tanh), logits.Number(0)).Of(Primitive.Sum, new Parameters.Reduce([1]));
        CheckDiscarding(s.Result(sums.Of(Primitive.Sum, new Parameters.Reduce([0]))), "labels");
    }

    [Fact]
    public void PlayersOfGamesThatDoNotCountAreNotRead()
    {
        var s = new Sample();
        var strength = s.Input("strength", Sample.Vocab);
        var winner = s.Index("winner", Sample.Pair);
        var mask = s.Mask("mask", Sample.Pair);
        var chance = strength.Of(Primitive.Gather, new Parameters.Gather(0, [-1]), winner).Of(Primitive.LogSigmoid);
        CheckDiscarding(s.Result(-mask.Select(chance, chance.Number(0)).Of(Primitive.Sum, new Parameters.Reduce([0]))), "winner");
    }

    private static void CheckDiscarding(Program forward, string index)
    {
        foreach (var loops in new[] { Scheduled.Of(forward), Scheduled.Joint(forward), Scheduled.Backward(forward) })
        {
            LoopVerifier.Verify(loops);
            var inputs = Sample.Draw(loops.Source, 3);
            var mask = inputs[Place("mask")];
            var harmless = Run(inputs);
            inputs[Place(index)] = inputs[Place(index)].Select((label, i) => mask[i] != 0 ? label : -100).ToArray();
            Assert.Contains(-100, inputs[Place(index)]);
            Assert.Equal(harmless, Run(inputs));

            int Place(string name) => loops.Source.Inputs.ToList().FindIndex(i => i.Name == name);
            double[][] Run(double[][] values) => LoopInterpreter.Run(
                loops, values, HostEvaluator.Run(loops.Source.Host, Sample.Parameters, Sample.Extents), Sample.Extents).Outputs;
        }
    }
}
