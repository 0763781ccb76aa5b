using System.Diagnostics;
using Align.Data;
using Align.Reporting;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>How a run ended.</summary>
internal enum RunEnd
{
    /// <summary>All steps are done.</summary>
    Finished,

    /// <summary>It was asked to stop, and saved its state.</summary>
    Interrupted,
}

/// <summary>
/// The loop: batches in order, steps of the task, metrics, evaluations and checkpoints. Everything that is not preference training stands here, so that a
/// task is what its paper says.
/// </summary>
internal sealed class Trainer(TrainingOptions options, RunLog log, CheckpointFolder? checkpoints = null)
{
    private double speed;

    /// <summary>Trains until the steps are done or somebody asks to stop; a checkpoint is left in both cases.</summary>
    /// <param name="task">What to train.</param>
    /// <param name="progress">Who watches.</param>
    /// <param name="resume">Continues from the latest checkpoint, where there is one.</param>
    /// <param name="stop">The wish to stop: the step that runs is finished.</param>
    /// <exception cref="DivergedException">The loss is not a number; the last checkpoint is from before.</exception>
    public RunEnd Run(ITrainingTask task, ITrainingProgress progress, bool resume, CancellationToken stop)
    {
        if (task.Lengths.Count == 0)
            throw new DataException("There is no example to learn from.");
        using var optimisation = new Optimisation(task.Module, task.Working, options);
        var order = new BatchOrder(task.Lengths, options.ExamplesPerStep, options.Seed);
        var total = options.Steps ?? (int)Math.Ceiling(options.Epochs * order.PerEpoch);
        var schedule = Schedule.Of(options, total);
        var step = resume && checkpoints is not null ? checkpoints.Load(task, optimisation) : 0;
        log.ContinueFrom(step);
        if (step == 0)
            Evaluate(task, 0);

        var averages = new Averages();
        var stuck = new StuckLoss();
        var clock = Stopwatch.StartNew();
        var saved = step;
        while (step < total && !stop.IsCancellationRequested)
        {
            optimisation.LearningRate = schedule.At(step);
            var metrics = new Averages();
            Advance(task, optimisation, order.At(step), step, metrics);
            step++;
            Gather(metrics, averages);
            if (task.StartsAtLn2 && stuck.Warning(metrics) is { } warning)
                progress.Warn(warning);
            if (step % options.LogEvery == 0 || step == total)
            {
                Log(averages, step, (double)step / order.PerEpoch, clock, progress, total);
                averages.Clear();
                clock.Restart();
            }

            if (step % options.EvaluateEvery == 0 || step == total)
            {
                Evaluate(task, step);
                clock.Restart();
            }

            if (checkpoints is not null && (step % options.SaveEvery == 0 || step == total))
            {
                checkpoints.Save(task, optimisation, step);
                saved = step;
                clock.Restart();
            }
        }

        if (step == total)
            return RunEnd.Finished;
        if (saved < step || step == 0)
            checkpoints?.Save(task, optimisation, step);
        return RunEnd.Interrupted;
    }

    private static void Advance(ITrainingTask task, Optimisation optimisation, int[] examples, int step, Averages metrics)
    {
        using var scope = NewDisposeScope();
        metrics.Add("learning_rate", optimisation.LearningRate);
        try
        {
            task.Step(examples, optimisation, metrics);
        }
        catch (DivergedException exception)
        {
            throw new DivergedException($"Step {step + 1}: {exception.Message}");
        }

        if (metrics["loss"] is { } loss && !double.IsFinite(loss))
            throw new DivergedException($"Step {step + 1}: the loss is {loss}.");
    }

    private void Evaluate(ITrainingTask task, int step)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var averages = new Averages();
        task.Evaluate(averages);
        log.Write(step, averages.Means("eval_"));
    }

    private void Log(Averages averages, int step, double epoch, Stopwatch clock, ITrainingProgress progress, int total)
    {
        averages.Add("epoch", epoch);
        if (averages["num_tokens"] is { } tokens)
        {
            var now = tokens * averages.Weight("num_tokens") / clock.Elapsed.TotalSeconds;
            speed = speed is 0 ? now : (0.9 * speed) + (0.1 * now);
            averages.Add("tokens_per_second", speed);
        }

        log.Write(step, averages.Means());
        progress.Report(step, total, averages);
    }

    private static void Gather(Averages step, Averages window)
    {
        foreach (var (name, value) in step.Means())
            window.Add(name, value);
    }
}
