using Align.Training;

namespace Align.Reporting;

/// <summary>Who watches a run.</summary>
internal interface ITrainingProgress
{
    /// <summary>A step is done.</summary>
    void Report(int step, int total, Averages metrics);

    /// <summary>Something needs attention.</summary>
    void Warn(string text);
}

/// <summary>Nobody watches.</summary>
internal sealed class Unwatched : ITrainingProgress
{
    /// <summary>What was warned of.</summary>
    public List<string> Warnings { get; } = [];

    /// <inheritdoc/>
    public void Report(int step, int total, Averages metrics)
    {
    }

    /// <inheritdoc/>
    public void Warn(string text) => Warnings.Add(text);
}
