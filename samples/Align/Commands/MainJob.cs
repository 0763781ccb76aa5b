using System.Diagnostics;
using Align.Corpus;
using Align.Model;
using Align.Reporting;
using Align.Training;
using static TorchSharp.torch;

namespace Align.Commands;

/// <summary>What the program does without arguments: the experiment on the grammar's stories, told as it goes.</summary>
internal sealed class MainJob(Page page)
{
    /// <summary>Runs it.</summary>
    public int Run(int seed, string folder, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        var settings = new StorySettings { Seed = seed };
        var experiment = new StoryExperiment(settings);
        Directory.CreateDirectory(folder);

        page.Heading("A base model");
        page.Line("The corpus comes from a small grammar in this sample: an opening, then sentences that are cheerful, gloomy or neither.");
        // Tensors this small are not worth a second thread.
        set_num_threads(1);
        using var baseLog = new RunLog();
        using var model = page.Training("base model", progress => experiment.TrainBase(progress, baseLog, stop));
        if (stop.IsCancellationRequested)
            return CommandLine.Interrupted;
        var before = experiment.Look(model, model, settings.SamplePrompts);
        page.Line($"{Format.Count(model.Config.Parameters)} parameters, {Format.Count(settings.BaseSteps * settings.BaseBatch)} stories, loss {Format.Fixed(baseLog.Last("loss") ?? 0, 3)} nats a token");

        page.Heading("Preferences");
        var (train, heldOut) = experiment.Pairs(model);
        page.Line($"{train.Count} pairs of the model's own stories to learn from, {heldOut.Count} held out with prompts of their own; of two stories the more cheerful one is preferred.");

        page.Heading("DPO, by the objective in samples/Align/Objectives.cs");
        using var log = new RunLog(folder);
        using var policy = StoryExperiment.Policy(model);
        using var task = experiment.Task(policy, train, heldOut, "own", (current, metrics) =>
        {
            var samples = experiment.Look(current, model, 100);
            metrics.Add("kl", samples.Kl);
            metrics.Add("preferred", samples.CheerfulShare);
        });
        if (page.Training("dpo", progress => new Trainer(experiment.Options, log).Run(task, progress, resume: false, stop)) == RunEnd.Interrupted)
            return CommandLine.Interrupted;
        var after = experiment.Look(policy, model, settings.SamplePrompts);

        Result(log, before, after, settings.SamplePrompts);
        Stories(experiment, before, after);
        Speed(experiment, model, train);
        var picture = Path.Combine(folder, "training.png");
        Plots.Save(log, Plots.Preference, picture);
        var saved = Path.Combine(folder, "model");
        task.Save(saved);
        page.Heading("What is left");
        page.Line($"The aligned model is in {saved}, in Hugging Face's format; metrics in {Path.Combine(folder, "metrics.csv")}, curves in {picture}. {Format.Fixed(clock.Elapsed.TotalSeconds, 0)} s in all.");
        page.Line($"Let it write: dotnet run -c Release --project samples/Align -- sample --model {saved} --prompt \"{experiment.Tokenizer.Decode(experiment.SamplePrompts[0])}\" --count 3");
        return 0;
    }

    private void Result(RunLog log, StorySamples before, StorySamples after, int samples)
    {
        page.Heading("What has changed");
        var loss = log.Of("eval_loss");
        var margin = log.Of("eval_rewards/margins");
        var accuracy = log.Of("eval_rewards/accuracies");
        page.Table(
            ["", "before", "after"],
            [
                ["loss, held-out pairs", Format.Fixed(loss[0].Value, 4), Format.Fixed(loss[^1].Value, 4)],
                ["reward margin, held-out pairs", Format.Fixed(margin[0].Value, 3), Format.Fixed(margin[^1].Value, 3)],
                ["reward accuracy, held-out pairs", "-", Format.Percent(accuracy[^1].Value)],
                [$"cheerful stories, of {samples} sampled", Format.Percent(before.CheerfulShare), Format.Percent(after.CheerfulShare)],
                ["grammatical stories, of the same", Format.Percent(before.GrammaticalShare), Format.Percent(after.GrammaticalShare)],
                ["tokens a story", Format.Fixed(before.MeanLength, 1), Format.Fixed(after.MeanLength, 1)],
                ["KL from the reference, nats a story", Format.Fixed(0, 2), $"{Format.Fixed(after.Kl, 2)} +- {Format.Fixed(after.KlError, 2)}"],
            ]);
        page.Line("Before, the policy is the reference: all margins are 0, and put no pair in order.");
    }

    private void Stories(StoryExperiment experiment, StorySamples before, StorySamples after)
    {
        page.Heading("The first three prompts, before and after");
        for (var i = 0; i < 3; i++)
        {
            page.Line($"{experiment.Tokenizer.Decode(before.Responses[i].Prompt)}");
            page.Line($"  before: {before.Responses[i].Text}");
            page.Line($"  after:  {after.Responses[i].Text}");
        }
    }

    private void Speed(StoryExperiment experiment, Llama model, IReadOnlyList<Data.EncodedPair> train)
    {
        var step = StepSpeed.Measure(experiment, model, train, rounds: 7, steps: 6);
        var words = experiment.Tokenizer.Vocabulary;
        var small = StepSpeed.MeasureObjective(128, 24, words, rounds: 5, calls: 20);
        var large = StepSpeed.MeasureObjective(16, 64, 4096, rounds: 5, calls: 6);
        page.Heading("Tokens a second, with the fused and with the eager objective");
        page.Table(
            ["", "fused", "eager", "times"],
            [
                Row("whole step: model, objective, backward, optimiser", step),
                Row($"objective and its gradient alone, {words} words", small),
                Row("the same, a vocabulary of 4,096", large),
            ]);
        page.Line($"The loss is the same. With {words} words the objective is a small part of the step; with the vocabularies of large models it is a large one.");

        static IReadOnlyList<string> Row(string name, (double Fused, double Eager) speed) =>
            [name, Format.Count(speed.Fused), Format.Count(speed.Eager), Format.Fixed(speed.Fused / speed.Eager, 2)];
    }
}
