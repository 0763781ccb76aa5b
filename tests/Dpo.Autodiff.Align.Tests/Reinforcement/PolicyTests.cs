using Align.Model;
using Align.Reinforcement;
using Align.Reporting;
using Align.Training;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Reinforcement;

public sealed class PolicyTests
{
    private static readonly TrainingOptions Options = new() { Steps = 24, BatchSize = 4, LearningRate = 1e-2, Schedule = ScheduleKind.Constant, EvaluateEvery = int.MaxValue, SaveEvery = 5 };

    public static TheoryData<string, ScalarType> Objectives
    {
        get
        {
            var data = new TheoryData<string, ScalarType> { { "grpo", ScalarType.BFloat16 }, { PolicyObjective.Ppo, ScalarType.BFloat16 }, { "online-dpo", ScalarType.BFloat16 } };
            foreach (var name in PolicyObjective.All.Select(o => o.Name).Concat(ComparisonObjective.All.Select(o => o.Name)).Append(PolicyObjective.Ppo))
                data.Add(name, ScalarType.Float32);
            return data;
        }
    }

    /// <summary>The share of a response's tokens that are 7: a twelfth at first, as the model knows nothing.</summary>
    private static readonly IReward Sevens = new TextReward("sevens", text => text.Split(' ') is { Length: > 0 } words ? words.Count(w => w == "7") / (double)words.Length : 0);

    [Theory]
    [MemberData(nameof(Objectives))]
    public void Every_objective_raises_its_reward(string objective, ScalarType precision)
    {
        using var policy = Tiny.Model(1);
        using var log = new RunLog();
        using var task = Task(policy, objective, beta: 0.001, precision);
        new Trainer(Options, log).Run(task, new Unwatched(), resume: false, default);
        Assert.True(log.Last("eval_reward") > log.Of("eval_reward")[0].Value + 0.1, $"{log.Of("eval_reward")[0].Value:F3} to {log.Last("eval_reward"):F3}");
        Assert.True(log.Last("eval_kl") > 0);
        Assert.All(policy.parameters(), p => Assert.Equal(ScalarType.Float32, p.dtype));
    }

    [Theory]
    [InlineData("grpo")]
    [InlineData("ppo")]
    [InlineData("a2po")]
    [InlineData("nash-md")]
    public void A_resumed_run_samples_what_the_uninterrupted_one_does(string objective)
    {
        using var folder = new TemporaryFolder();
        var whole = Run(folder, "whole", objective, null, resume: false);
        Run(folder, "parts", objective, 7, resume: false);
        Assert.Equal(whole, Run(folder, "parts", objective, null, resume: true));
    }

    [Fact]
    public void A_strong_tie_keeps_the_policy_near_its_reference()
    {
        double Divergence(double beta)
        {
            using var policy = Tiny.Model(1);
            using var log = new RunLog();
            using var task = Task(policy, "grpo", beta);
            new Trainer(Options, log).Run(task, new Unwatched(), resume: false, default);
            return log.Last("eval_kl")!.Value;
        }

        Assert.True(Divergence(5) < 0.5 * Divergence(0.001));
    }

    [Fact]
    public void A_lexicon_scores_as_vader_does_without_its_rules()
    {
        using var folder = new TemporaryFolder();
        var lexicon = Lexicon.Read(folder.File("words.txt", "good\t1.9\t0.5\t[1, 2]\nbad\t-2.5\t0.6\t[-2]\n"));
        Assert.Equal(1.9 / Math.Sqrt((1.9 * 1.9) + 15), lexicon.Sentiment("A Good, thing."), 12);
        Assert.Equal(-0.6 / Math.Sqrt(0.36 + 15), lexicon.Sentiment("good bad"), 12);
        Assert.Equal(0, lexicon.Sentiment("nothing"));
        Assert.Contains("words.txt:2: ", Assert.Throws<global::Align.Data.DataException>(() => Lexicon.Read(folder.File("words.txt", "good\t1.9\nbad\n"))).Message);
    }

    private static double[] Run(TemporaryFolder folder, string name, string objective, int? stopAfter, bool resume)
    {
        using var policy = Tiny.Model(1);
        using var log = new RunLog(Path.Combine(folder.Path, name));
        using var task = Task(policy, objective, 0.05);
        using var stop = new CancellationTokenSource();
        var checkpoints = new CheckpointFolder(Path.Combine(folder.Path, name), "", 2);
        new Trainer(Options with { Steps = 11 }, log, checkpoints).Run(task, new Stopping(stop, stopAfter), resume, stop.Token);
        return Tiny.Parameters(policy);
    }

    private static ITrainingTask Task(Llama policy, string objective, double beta, ScalarType? precision = null)
    {
        int[][] prompts = [.. Enumerable.Range(2, 10).Select(i => new[] { 0, i })];
        var settings = new PolicySettings { Objective = objective, Beta = beta, Precision = precision, GroupSize = 8, BatchSize = 16, Sampling = new SamplingOptions { MaximumTokens = 6 } };
        return ComparisonObjective.Find(objective) is { } comparison
            ? new ComparisonTask(policy, new Tiny.Digits(), prompts[..8], prompts, Sevens, comparison, settings, seed: 3)
            : new PolicyTask(policy, new Tiny.Digits(), prompts[..8], prompts, Sevens, settings, seed: 3);
    }
}
