using ScottPlot;

namespace Align.Reporting;

/// <summary>Draws a run's metrics.</summary>
internal static class Plots
{
    /// <summary>A panel: its title, and the metrics that are drawn in it.</summary>
    /// <param name="Title">What is above it.</param>
    /// <param name="Level">Where a level line is drawn, if anywhere.</param>
    /// <param name="Metrics">The names of the metrics and what the legend calls them.</param>
    internal sealed record Panel(string Title, double? Level, params (string Name, string Label)[] Metrics);

    /// <summary>The panels of preference training.</summary>
    public static IReadOnlyList<Panel> Preference { get; } =
    [
        new("loss", Math.Log(2), ("loss", "training"), ("eval_loss", "held out")),
        new("reward margin", 0, ("rewards/margins", "training"), ("eval_rewards/margins", "held out")),
        new("reward accuracy", 0.5, ("rewards/accuracies", "training"), ("eval_rewards/accuracies", "held out")),
        new("KL from the reference, nats a response", null, ("eval_kl", "held-out prompts")),
    ];

    /// <summary>The panels of a reward model.</summary>
    public static IReadOnlyList<Panel> Reward { get; } =
    [
        new("loss", Math.Log(2), ("loss", "training"), ("eval_loss", "held out")),
        new("reward margin", 0, ("margin", "training"), ("eval_margin", "held out")),
        new("accuracy", 0.5, ("accuracy", "training"), ("eval_accuracy", "held out")),
    ];

    /// <summary>The panels of reinforcement learning.</summary>
    public static IReadOnlyList<Panel> Reinforcement { get; } =
    [
        new("reward", null, ("reward", "sampled"), ("eval_reward", "held-out prompts")),
        new("KL from the reference, nats a response", null, ("kl", "sampled"), ("eval_kl", "held-out prompts")),
        new("loss", null, ("loss", "training")),
        new("response length, tokens", null, ("completions/mean_length", "sampled")),
    ];

    /// <summary>Draws panels one below the other; those without data are left out.</summary>
    /// <param name="log">The run.</param>
    /// <param name="panels">What to draw.</param>
    /// <param name="path">The PNG file; overwritten.</param>
    public static void Save(RunLog log, IReadOnlyList<Panel> panels, string path)
    {
        var drawn = panels.Where(p => p.Metrics.Any(m => log.Of(m.Name).Count > 0)).Select(p => Draw(log, p)).ToArray();
        if (drawn.Length == 0)
            return;
        var figure = new Multiplot();
        figure.RemovePlot(figure.GetPlot(0));
        foreach (var plot in drawn)
            figure.AddPlot(plot);
        figure.Layout = new ScottPlot.MultiplotLayouts.Rows();
        figure.SavePng(path, 900, 280 * drawn.Length);
    }

    private static Plot Draw(RunLog log, Panel panel)
    {
        var plot = new Plot();
        if (panel.Level is { } level)
            plot.Add.HorizontalLine(level, width: 1, color: Colors.LightGray);
        Color[] colors = [Colors.SteelBlue, Colors.DarkOrange, Colors.SeaGreen];
        for (var i = 0; i < panel.Metrics.Length; i++)
        {
            var points = log.Of(panel.Metrics[i].Name).Where(p => double.IsFinite(p.Value)).ToArray();
            if (points.Length == 0)
                continue;
            var line = plot.Add.Scatter(points.Select(p => (double)p.Step).ToArray(), points.Select(p => p.Value).ToArray(), colors[i % colors.Length]);
            line.MarkerSize = points.Length > 30 ? 0 : 6;
            line.LineWidth = 2;
            line.LegendText = panel.Metrics[i].Label;
        }

        plot.Title(panel.Title, 14);
        plot.XLabel("step", 12);
        plot.ShowLegend(Edge.Right);
        return plot;
    }
}
