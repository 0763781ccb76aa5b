using BradleyTerry.Fit;
using ScottPlot;

namespace BradleyTerry.Output;

/// <summary>Draws strengths with 95 % error bars, the strongest at the top.</summary>
internal static class StrengthPlot
{
    private const double Normal95 = 1.959963984540054;

    /// <summary>Draws one panel a model, one below the other.</summary>
    /// <param name="models">The fitted models.</param>
    /// <param name="path">The PNG file; overwritten.</param>
    public static void Save(IReadOnlyList<Estimates> models, string path)
    {
        var figure = new Multiplot();
        figure.RemovePlot(figure.GetPlot(0));
        foreach (var model in models)
            figure.AddPlot(Panel(model));
        figure.Layout = new ScottPlot.MultiplotLayouts.Rows();
        figure.SavePng(path, 900, models.Sum(m => 120 + 34 * m.Comparisons.Players.Count));
    }

    private static Plot Panel(Estimates model)
    {
        var players = Enumerable.Range(0, model.Strengths.Count).OrderBy(p => model.Strengths[p].Value).ToArray();
        var strengths = players.Select(p => model.Strengths[p].Value).ToArray();
        var places = players.Select((_, place) => (double)place).ToArray();
        var errors = players.Select(p => Normal95 * model.Strengths[p].StandardError).ToArray();
        var none = new double[players.Length];

        var plot = new Plot();
        plot.Add.VerticalLine(0, width: 1, color: Colors.LightGray);
        var bars = new ScottPlot.Plottables.ErrorBar(strengths, places, errors, errors, none, none) { Color = Colors.SteelBlue, LineWidth = 2 };
        plot.Add.Plottable(bars);
        var points = plot.Add.ScatterPoints(strengths, places, Colors.SteelBlue);
        points.MarkerSize = 9;
        plot.Axes.Left.SetTicks(places, [.. players.Select(p => model.Comparisons.Players[p])]);
        plot.Axes.SetLimitsY(-0.7, players.Length - 0.3);
        plot.Title(model.Comparisons.Title, 14);
        plot.XLabel($"log-strength, 95 % intervals ({model.Comparisons.Players[model.Reference]} = 0)", 12);
        return plot;
    }
}
