using System.Text;
using ScottPlot;

namespace Align.Reporting;

/// <summary>What a method reaches with one beta as it trains.</summary>
/// <param name="Method">The method.</param>
/// <param name="Beta">Its beta.</param>
/// <param name="Points">Divergence from the reference and reward on held-out prompts, by step.</param>
internal sealed record FrontierCurve(string Method, double Beta, IReadOnlyList<(int Step, double Kl, double Reward)> Points)
{
    /// <summary>The evaluations of a run.</summary>
    public static FrontierCurve Of(string method, double beta, RunLog log)
    {
        var rewards = (log.Of("eval_reward") is { Count: > 0 } given ? given : log.Of("eval_sentiment")).ToDictionary(r => r.Step, r => r.Value);
        return new FrontierCurve(method, beta, [.. log.Of("eval_kl").Where(k => rewards.ContainsKey(k.Step)).Select(k => (k.Step, k.Value, rewards[k.Step]))]);
    }

    /// <summary>Writes curves as a table.</summary>
    public static void Write(IReadOnlyList<FrontierCurve> curves, string path)
    {
        var text = new StringBuilder("method,beta,step,kl,reward\n");
        foreach (var curve in curves)
        {
            foreach (var (step, kl, reward) in curve.Points)
                text.Append(string.Join(',', curve.Method, Format.Exact(curve.Beta), Format.Exact(step), Format.Exact(kl), Format.Exact(reward))).Append('\n');
        }

        File.WriteAllText(path, text.ToString());
    }

    /// <summary>The best points of some curves: those with more reward than all that are closer to the reference.</summary>
    public static IReadOnlyList<(double Kl, double Reward)> Best(IEnumerable<FrontierCurve> curves)
    {
        var best = new List<(double Kl, double Reward)>();
        foreach (var (_, kl, reward) in curves.SelectMany(c => c.Points).OrderBy(p => p.Kl).ThenByDescending(p => p.Reward))
        {
            if (best.Count == 0 || reward > best[^1].Reward)
                best.Add((kl, reward));
        }

        return best;
    }

    /// <summary>Draws the points of every curve, each method in shades of a colour of its own, and a line through its best ones; as far as the first method goes.</summary>
    public static void Draw(IReadOnlyList<FrontierCurve> curves, string path)
    {
        var plot = new Plot();
        Color[] colors = [Colors.SteelBlue, Colors.DarkOrange, Colors.SeaGreen, Colors.Purple];
        MarkerShape[] shapes = [MarkerShape.FilledCircle, MarkerShape.FilledSquare, MarkerShape.FilledTriangleUp, MarkerShape.FilledDiamond];
        foreach (var (method, index) in curves.Select(c => c.Method).Distinct().Select((m, i) => (m, i)))
        {
            var same = curves.Where(c => c.Method == method).ToList();
            var color = colors[index % colors.Length];
            var best = Best(same);
            var line = plot.Add.ScatterLine(best.Select(p => p.Kl).ToArray(), best.Select(p => p.Reward).ToArray(), color);
            line.LineWidth = 2;
            line.LegendText = method;
            foreach (var curve in same)
            {
                var points = plot.Add.ScatterPoints(curve.Points.Select(p => p.Kl).ToArray(), curve.Points.Select(p => p.Reward).ToArray(), color.WithAlpha(0.35 + (0.65 * (same.IndexOf(curve) + 1) / same.Count)));
                points.MarkerShape = shapes[index % shapes.Length];
                points.MarkerSize = 7;
                points.LegendText = $"{method}, beta {Format.Exact(curve.Beta)}";
            }
        }

        // A policy that only pleases goes many times as far, and would press all else against the axis.
        plot.Axes.SetLimitsX(-0.5, Math.Max(1, 1.25 * curves.Where(c => c.Method == curves[0].Method).SelectMany(c => c.Points).Max(p => p.Kl)));
        plot.Title("Reward against divergence, held-out prompts", 14);
        plot.XLabel("KL from the reference, nats a response", 12);
        plot.YLabel("reward (sentiment, -1 to 1)", 12);
        plot.ShowLegend(Edge.Right);
        plot.SavePng(path, 900, 600);
    }
}
