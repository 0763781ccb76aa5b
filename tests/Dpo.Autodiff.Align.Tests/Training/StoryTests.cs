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
    private static readonly StorySettings Small = new() { BaseSteps = 300, BaseBatch = 48, PairPrompts = 320, SamplePrompts = 150, BatchSize = 32, LearningRate = 1e-3, Steps = 48 };

    [Fact]
    public void Five_seeds_gain_on_held_out_prompts_and_shuffled_preferences_gain_nothing()
    {
        var threads = torch.get_num_threads();
        torch.set_num_threads(1);
        try
        {
            // One base model; everything else is another one's with each seed: prompts, pairs, their order, what is sampled.
            using var log = new RunLog();
            using var model = new StoryExperiment(Small).TrainBase(new Unwatched(), log, default);
            var runs = Enumerable.Range(1, 5).Select(seed => Run(model, Small with { Seed = seed })).ToArray();
            var (gain, spread) = Gain(runs);
            output.WriteLine($"cheerful stories: gain {gain:F3} +- {spread:F3} (standard deviation over five seeds); held-out pairs in order {string.Join(", ", runs.Select(r => r.Accuracy.ToString("F2")))}");
            // An untrained policy orders half of the pairs as preferred; of 60 pairs, 45 in order come about once in 20,000 times by chance.
            Assert.All(runs, r => Assert.True(r.Accuracy > 0.75, $"{r.Accuracy:F2} of held-out pairs in order."));
            Assert.All(runs, r => Assert.True(r.After > r.Before + 0.1, $"A gain of {r.After - r.Before:F3} only."));
            Assert.True(gain - (2 * spread / Math.Sqrt(runs.Length)) > 0.2, $"A gain of {gain:F3} +- {spread:F3} only.");

            var shuffled = Enumerable.Range(1, 3).Select(seed => Run(model, Small with { Seed = seed, IsShuffled = true })).ToArray();
            var (none, noise) = Gain(shuffled);
            output.WriteLine($"preferences by lot: gain {none:F3} +- {noise:F3}");
            Assert.InRange(none, -0.15, 0.15);
        }
        finally
        {
            torch.set_num_threads(threads);
        }
    }

    private static (double Mean, double Spread) Gain(IReadOnlyList<(double Before, double After, double Accuracy)> runs)
    {
        var mean = runs.Average(r => r.After - r.Before);
        return (mean, Math.Sqrt(runs.Sum(r => Math.Pow(r.After - r.Before - mean, 2)) / (runs.Count - 1)));
    }

    private static (double Before, double After, double Accuracy) Run(Llama model, StorySettings settings)
    {
        var experiment = new StoryExperiment(settings);
        using var log = new RunLog();
        var (train, heldOut) = experiment.Pairs(model);
        using var policy = StoryExperiment.Policy(model);
        using var task = experiment.Task(policy, train, heldOut, "own");
        new Trainer(experiment.Options with { EvaluateEvery = int.MaxValue }, log).Run(task, new Unwatched(), resume: false, default);
        return (
            experiment.Look(model, model, settings.SamplePrompts).CheerfulShare,
            experiment.Look(policy, model, settings.SamplePrompts).CheerfulShare,
            log.Last("eval_rewards/accuracies")!.Value);
    }
}
