namespace Align.Reporting;

/// <summary>What a run reports, kept for tables and plots, and written to its folder if it has one.</summary>
internal sealed class RunLog : IDisposable
{
    private readonly MetricsFile? file;
    private readonly EventFile? events;
    private readonly List<(int Step, string Name, double Value)> entries = [];

    /// <summary>Reports into a folder, or nowhere.</summary>
    public RunLog(string? folder = null)
    {
        if (folder is null)
            return;
        Directory.CreateDirectory(folder);
        file = new MetricsFile(folder);
        events = new EventFile(folder, Now);
    }

    /// <summary>Every value of a metric, by step.</summary>
    public IReadOnlyList<(int Step, double Value)> Of(string name) => [.. entries.Where(e => e.Name == name).Select(e => (e.Step, e.Value))];

    /// <summary>The last value of a metric, or null.</summary>
    public double? Last(string name) => Of(name) is [.., var last] ? last.Value : null;

    /// <summary>Begins at a step: what an earlier run reported after it is forgotten.</summary>
    public void ContinueFrom(int step)
    {
        entries.Clear();
        if (file is null)
            return;
        file.ContinueFrom(step);
        foreach (var (row, values) in file.Rows)
            entries.AddRange(values.Select(v => (row, v.Key, v.Value)));
    }

    /// <summary>Reports metrics of a step.</summary>
    public void Write(int step, IReadOnlyList<(string Name, double Value)> metrics)
    {
        if (metrics.Count == 0)
            return;
        entries.AddRange(metrics.Select(m => (step, m.Name, m.Value)));
        file?.Write(step, metrics);
        events?.Write(step, Now, metrics);
    }

    /// <inheritdoc/>
    public void Dispose() => events?.Dispose();

    private static double Now => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
}
