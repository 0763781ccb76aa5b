using Align.Reporting;
using Align.Training;

namespace Align.Commands;

/// <summary>Trains a task in a run's folder, and says how it ended.</summary>
internal static class TrainingRun
{
    /// <summary>The exit status of a run whose loss is no number.</summary>
    public const int Diverged = 3;

    /// <summary>Trains, saves the model and draws the metrics.</summary>
    /// <returns>0, or the status of a run that was interrupted or diverged.</returns>
    public static int Of(
        Page page,
        string title,
        ITrainingTask task,
        TrainingOptions options,
        RunFolder folder,
        bool resume,
        RunLog log,
        IReadOnlyList<Plots.Panel> panels,
        CancellationToken stop)
    {
        var checkpoints = folder.Checkpoints(options);
        try
        {
            if (page.Training(title, progress => new Trainer(options, log, checkpoints).Run(task, progress, resume, stop)) == RunEnd.Interrupted)
            {
                page.Line($"Stopped. {checkpoints.Latest} has everything; continue with --resume.");
                return CommandLine.Interrupted;
            }
        }
        catch (DivergedException exception)
        {
            Console.Error.WriteLine($"{exception.Message} {(checkpoints.Latest is { } last ? $"{last} is the last checkpoint from before." : "There is no checkpoint yet.")} Lower --learning-rate, or raise --beta.");
            return Diverged;
        }

        task.Save(folder.Of("model"));
        Plots.Save(log, panels, folder.Of("training.png"));
        page.Line($"The model is in {folder.Of("model")}, metrics in {folder.Of("metrics.csv")} and {folder.Of("training.png")}.");
        return 0;
    }
}
