using System.Text.Json;
using Align.Data;
using Align.Reporting;
using Align.Training;

namespace Align.Commands;

/// <summary>
/// The folder of a run: <c>run.json</c> with its settings, <c>metrics.csv</c>, TensorBoard's events, plots, checkpoints, and the trained model in <c>model</c>.
/// </summary>
internal sealed class RunFolder
{
    private readonly string configuration;

    /// <summary>Opens a folder, which must not hold another run unless that one is to be continued.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="settings">Everything that the run's result depends on.</param>
    /// <param name="resume">Continues what is there.</param>
    public RunFolder(string path, object settings, bool resume)
    {
        Path = path;
        configuration = JsonSerializer.Serialize(settings, Format.Json);
        var file = System.IO.Path.Combine(path, "run.json");
        try
        {
            Directory.CreateDirectory(path);
            // A run that ended before its first checkpoint left nothing to lose.
            var before = File.Exists(file) && Directory.EnumerateDirectories(path, "checkpoint-*").Any() ? File.ReadAllText(file) : null;
            if (before is not null && !resume)
                throw new DataException($"{path} holds a run already. Continue it with --resume, or choose another folder with --out.");
            if (before is not null && before != configuration)
                throw new DataException($"{path} holds a run with other settings: {Difference(before)} Give the same settings to resume it.");
            File.WriteAllText(file, configuration);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path}: {exception.Message}");
        }
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>A file in it.</summary>
    public string Of(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>The run's checkpoints.</summary>
    public CheckpointFolder Checkpoints(TrainingOptions options) => new(Path, configuration, options.KeepCheckpoints);

    private string Difference(string before)
    {
        var (old, now) = (before.Split('\n'), configuration.Split('\n'));
        var line = old.Zip(now).FirstOrDefault(l => l.First != l.Second);
        return line == default ? "their number differs." : $"there {line.First.Trim().TrimEnd(',')}, here {line.Second.Trim().TrimEnd(',')}.";
    }
}
