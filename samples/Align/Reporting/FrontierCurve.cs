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

    /// <summary>Draws curves, each method in shades of a colour of its own.</summary>
    public static void Draw(IReadOnlyList<FrontierCurve> curves, string path)
    {
        var plot = new Plot();
        var methods = curves.Select(c => c.Method).Distinct().ToArray();
        Color[] colors = [Colors.SteelBlue, Colors.DarkOrange];
        MarkerShape[] shapes = [MarkerShape.FilledCircle, MarkerShape.FilledSquare];
        foreach (var curve in curves)
        {
            var method = Array.IndexOf(methods, curve.Method);
            var same = curves.Where(c => c.Method == curve.Method).ToList();
            var points = curve.Points.OrderBy(p => p.Kl).ToArray();
            var color = colors[method % colors.Length].WithAlpha(0.4 + (0.6 * (same.IndexOf(curve) + 1) / same.Count));
            var line = plot.Add.Scatter(points.Select(p => p.Kl).ToArray(), points.Select(p => p.Reward).ToArray(), color);
            line.MarkerShape = shapes[method % shapes.Length];
            line.MarkerSize = 7;
            line.LegendText = $"{curve.Method}, beta {Format.Exact(curve.Beta)}";
        }

        plot.Title("Reward against divergence, held-out prompts", 14);
        plot.XLabel("KL from the reference, nats a response", 12);
        plot.YLabel("reward", 12);
        plot.ShowLegend(Edge.Right);
        plot.SavePng(path, 900, 600);
    }
}
