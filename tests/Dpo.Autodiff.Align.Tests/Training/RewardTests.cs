using Align.Data;
using Align.Reporting;
using Align.Training;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Training;

public sealed class RewardTests
{
    public static TheoryData<string, ScalarType> Objectives
    {
        get
        {
            var data = new TheoryData<string, ScalarType> { { "bradley-terry", ScalarType.BFloat16 } };
            foreach (var objective in RewardObjective.All)
                data.Add(objective.Name, ScalarType.Float32);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void A_reward_model_learns_what_is_preferred_and_says_so_of_held_out_pairs(string objective, ScalarType precision)
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
        using var task = new RewardTask(model, new Tiny.Digits(), train, heldOut, new RewardSettings { Objective = RewardObjective.Named(objective), BatchSize = 32, Precision = precision });
        using var log = new RunLog();
        new Trainer(new TrainingOptions { Epochs = 8, BatchSize = 32, LearningRate = 5e-3, EvaluateEvery = int.MaxValue }, log).Run(task, new Unwatched(), resume: false, default);
        // By chance 100 pairs are rarely more than 65 in order.
        Assert.InRange(log.Of("eval_accuracy")[0].Value, 0.3, 0.7);
        Assert.True(log.Last("eval_accuracy") > 0.95, $"{log.Last("eval_accuracy")}");
        Assert.All(model.parameters(), p => Assert.Equal(ScalarType.Float32, p.dtype));
    }

    [Fact]
    public void Parts_of_a_batch_make_the_whole()
    {
        double[] After(int batchSize)
        {
            using var model = new ScalarHead(Tiny.Model(1, ScalarType.Float64), 1);
            using var task = new RewardTask(model, new Tiny.Digits(), Tiny.Pairs(10, 1), [], new RewardSettings { BatchSize = batchSize, Centering = 0.01, Precision = ScalarType.Float64 });
            using var optimisation = new Optimisation(task.Module, task.Working, new TrainingOptions { LearningRate = 1e-3 });
            var metrics = new Averages();
            task.Step([.. Enumerable.Range(0, 10)], optimisation, metrics);
            return [metrics["loss"]!.Value, metrics["grad_norm"]!.Value, .. Tiny.Parameters(model.Body)];
        }

        Assert.All(After(10).Zip(After(4)), p => Assert.Equal(p.First, p.Second, 1e-8));
    }

    [Theory]
    [InlineData("davidson")]
    [InlineData("rao-kupper")]
    public void Ties_bring_scores_together_and_count_in_no_accuracy(string objective)
    {
        EncodedPair[] pairs = [new([0, 2], [3, 1], [4, 1]), new([0, 2], [5, 1], [6, 1]) { IsTie = true }];
        using var model = new ScalarHead(Tiny.Model(1), 1);
        using var task = new RewardTask(model, new Tiny.Digits(), pairs, pairs, new RewardSettings { Objective = RewardObjective.Named(objective) });
        using var log = new RunLog();
        new Trainer(new TrainingOptions { Steps = 60, LearningRate = 5e-3, EvaluateEvery = int.MaxValue }, log).Run(task, new Unwatched(), resume: false, default);
        using var scope = NewDisposeScope();
        using var batch = PairBatch.Of(pairs);
        var (chosen, rejected) = RewardTask.Scores(model, pairs, batch);
        var margins = (chosen - rejected).abs().data<float>().ToArray();
        Assert.True(margins[0] > 10 * margins[1], string.Join(", ", margins));
        Assert.Equal(1, log.Last("eval_accuracy"));
    }

    [Fact]
    public void Margins_of_the_data_are_led_by()
    {
        double Loss(double? margin)
        {
            using var model = new ScalarHead(Tiny.Model(1), null);
            using var task = new RewardTask(model, new Tiny.Digits(), [], [new EncodedPair([0, 2], [3, 1], [4, 1]) { Margin = margin }], new RewardSettings());
            var metrics = new Averages();
            task.Evaluate(metrics);
            return metrics["loss"]!.Value;
        }

        // A head of zeros gives all responses 0.
        Assert.Equal(Math.Log(2), Loss(null), 1e-6);
        Assert.Equal(Math.Log(1 + Math.Exp(1.5)), Loss(1.5), 1e-6);
    }

    [Fact]
    public void An_interval_is_wilsons()
    {
        Assert.Equal((0.2366, 0.7634), (Math.Round(new Binomial(5, 10).Interval.Low, 4), Math.Round(new Binomial(5, 10).Interval.High, 4)));
        Assert.Equal(0, new Binomial(0, 20).Interval.Low, 12);
        Assert.Equal("50.0 % (23.7 to 76.3)", new Binomial(5, 10).ToString());
    }
}
