using Align.Corpus;
using Align.Model;
using Align.Reporting;
using Align.Training;
using TorchSharp;
using Xunit.Abstractions;

namespace Dpo.Autodiff.Align.Tests.Training;

/// <summary>The main job, smaller: the whole way from a corpus to a policy that does what is preferred.</summary>
public sealed class StoryTests(ITestOutputHelper output)
{
    private static readonly StorySettings Small = new() { BaseSteps = 150, BaseBatch = 32, PairPrompts = 400, SamplePrompts = 100, BatchSize = 32, LearningRate = 1e-3, Steps = 40 };

    [Fact]
    public void Five_seeds_gain_on_held_out_prompts_and_shuffled_preferences_gain_nothing()
    {
        var threads = torch.get_num_threads();
        torch.set_num_threads(1);
        try
        {
            var runs = Enumerable.Range(1, 5).Select(seed => Run(Small with { Seed = seed })).ToArray();
            var gains = runs.Select(r => r.After - r.Before).ToArray();
            var mean = gains.Average();
            var spread = Math.Sqrt(gains.Sum(g => (g - mean) * (g - mean)) / (gains.Length - 1));
            output.WriteLine($"cheerful stories: gain {mean:F3} +- {spread:F3} (standard deviation over five seeds); pairs in order {string.Join(", ", runs.Select(r => r.Accuracy.ToString("F2")))}");
            Assert.All(runs, r => Assert.True(r.After - r.Before > 0.2, $"A gain of {r.After - r.Before:F3} only."));
            Assert.True(mean - (3 * spread / Math.Sqrt(gains.Length)) > 0.2);
            // An untrained policy orders half of the pairs as preferred; of 60 pairs, 45 in order would come about once in 20,000 times.
            Assert.All(runs, r => Assert.True(r.Accuracy > 0.75));

            var shuffled = Enumerable.Range(1, 5).Select(seed => Run(Small with { Seed = seed, IsShuffled = true })).ToArray();
            var none = shuffled.Average(r => r.After - r.Before);
            output.WriteLine($"preferences by lot: gain {none:F3}");
            Assert.InRange(none, -0.15, 0.15);
            Assert.True(none < mean / 3);
        }
        finally
        {
            torch.set_num_threads(threads);
        }
    }

    private static readonly Dictionary<int, Llama> Bases = [];

    private static (double Before, double After, double Accuracy) Run(StorySettings settings)
    {
        var experiment = new StoryExperiment(settings);
        using var log = new RunLog();
        if (!Bases.TryGetValue(settings.Seed, out var model))
            Bases[settings.Seed] = model = experiment.TrainBase(new Unwatched(), log, default);
        var (train, heldOut) = experiment.Pairs(model);
        using var policy = StoryExperiment.Policy(model);
        using var task = experiment.Task(policy, train, heldOut, "own");
        new Trainer(experiment.Options, log).Run(task, new Unwatched(), resume: false, default);
        return (
            experiment.Look(model, model, settings.SamplePrompts).CheerfulShare,
            experiment.Look(policy, model, settings.SamplePrompts).CheerfulShare,
            log.Last("eval_rewards/accuracies")!.Value);
    }
}
