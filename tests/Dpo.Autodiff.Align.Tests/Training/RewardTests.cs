using Align.Data;
using Align.Reporting;
using Align.Training;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Training;

public sealed class RewardTests
{
    [Fact]
    public void A_reward_model_learns_what_is_preferred_and_says_so_of_held_out_pairs()
    {
        // The response with a 7 in it is preferred; nothing else tells the two apart.
        var random = new Random(1);
        int[] Tokens(int length) => [.. Enumerable.Range(0, length).Select(_ => random.Next(8, Tiny.Vocabulary))];
        EncodedPair Pair()
        {
            var (chosen, rejected) = (Tokens(5), Tokens(5));
            chosen[random.Next(5)] = 7;
            return new EncodedPair([0, random.Next(2, 7)], [.. chosen, 1], [.. rejected, 1]);
        }

        EncodedPair[] train = [.. Enumerable.Range(0, 256).Select(_ => Pair())];
        EncodedPair[] heldOut = [.. Enumerable.Range(0, 100).Select(_ => Pair())];
        using var model = new ScalarHead(Tiny.Model(1), 1);
        using var task = new RewardTask(model, new Tiny.Digits(), train, heldOut, 32, null);
        using var log = new RunLog();
        new Trainer(new TrainingOptions { Epochs = 8, BatchSize = 32, LearningRate = 5e-3, EvaluateEvery = int.MaxValue }, log).Run(task, new Unwatched(), resume: false, default);
        // By chance 100 pairs are rarely more than 65 in order.
        Assert.InRange(log.Of("eval_accuracy")[0].Value, 0.3, 0.7);
        Assert.True(log.Last("eval_accuracy") > 0.95, $"{log.Last("eval_accuracy")}");
    }

    [Fact]
    public void Parts_of_a_batch_make_the_whole()
    {
        double[] After(int batchSize)
        {
            using var model = new ScalarHead(Tiny.Model(1, ScalarType.Float64), 1);
            using var task = new RewardTask(model, new Tiny.Digits(), Tiny.Pairs(10, 1), [], batchSize, 0.01);
            using var optimisation = new Optimisation(task.Module, task.Working, new TrainingOptions { LearningRate = 1e-3 });
            var metrics = new Averages();
            task.Step([.. Enumerable.Range(0, 10)], optimisation, metrics);
            return [metrics["loss"]!.Value, metrics["grad_norm"]!.Value, .. Tiny.Parameters(model.Body)];
        }

        Assert.All(After(10).Zip(After(4)), p => Assert.Equal(p.First, p.Second, 1e-8));
    }

    [Fact]
    public void An_interval_is_wilsons()
    {
        Assert.Equal((0.2366, 0.7634), (Math.Round(new Binomial(5, 10).Interval.Low, 4), Math.Round(new Binomial(5, 10).Interval.High, 4)));
        Assert.Equal(0, new Binomial(0, 20).Interval.Low, 12);
        Assert.Equal("50.0 % (23.7 to 76.3)", new Binomial(5, 10).ToString());
    }
}
