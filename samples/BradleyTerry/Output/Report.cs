using BradleyTerry.Data;
using BradleyTerry.Fit;

namespace BradleyTerry.Output;

/// <summary>Writes fitted models.</summary>
internal sealed class Report(Page page)
{
    /// <summary>How closely published estimates must be met.</summary>
    public const double Agreement = 1e-6;

    /// <summary>Writes strengths with standard errors, the fit, and the win probabilities.</summary>
    public void Write(Estimates estimates)
    {
        page.Heading(estimates.Comparisons.Title);
        Strengths(estimates, null);
        Details(estimates);
        Probabilities(estimates);
    }

    /// <summary>Writes the same beside published estimates.</summary>
    /// <returns>Whether all of them agree.</returns>
    public bool Write(Estimates estimates, PublishedFit published)
    {
        page.Heading(estimates.Comparisons.Title);
        Strengths(estimates, published);
        Details(estimates);
        Probabilities(estimates);
        var difference = Difference(estimates, published);
        var agrees = difference <= Agreement;
        page.Line($"Largest difference from {published.Source}: {Numbers.Small(difference)} ({(agrees ? "agrees" : "DISAGREES")}, limit {Numbers.Small(Agreement)})");
        if (published.Probability is not { } expected)
            return agrees;
        var probability = estimates.WinProbability(estimates.Comparisons.IndexOf(expected.Player), estimates.Comparisons.IndexOf(expected.Opponent));
        var isSame = Math.Abs(probability - expected.Value) <= 0.005;
        page.Line($"P({expected.Player} beats {expected.Opponent}) = {Numbers.Fixed(probability, 4)}, published {Numbers.Fixed(expected.Value, 2)} ({(isSame ? "agrees" : "DISAGREES")})");
        return agrees && isSame;
    }

    /// <summary>The largest distance of an estimate or standard error from its published value; infinite where one is missing.</summary>
    public static double Difference(Estimates estimates, PublishedFit published) =>
        published.Estimates.Max(p => estimates.Find(p.Name) is { } own
            ? Math.Max(Math.Abs(own.Value - p.Value), Math.Abs(own.StandardError - (p.StandardError ?? own.StandardError)))
            : double.PositiveInfinity);

    private void Strengths(Estimates estimates, PublishedFit? published)
    {
        List<string> header = ["", "strength", "s.e.", "odds"];
        if (published is not null)
            header.AddRange(["published", "s.e."]);
        var names = estimates.Comparisons.Players.ToList();
        if (estimates.Home is not null)
            names.Add(PublishedEstimate.HomeEffect);
        page.Table(header, [.. names.Select(Row)]);

        IReadOnlyList<string> Row(string name)
        {
            var own = estimates.Find(name)!.Value;
            List<string> row = [name, Numbers.Fixed(own.Value, 4), Numbers.Fixed(own.StandardError, 4), Numbers.Fixed(Math.Exp(own.Value), 4)];
            if (published is not null)
            {
                var other = published.Estimates.FirstOrDefault(p => p.Name == name);
                row.Add(other is null ? "" : Numbers.Fixed(other.Value, 4));
                row.Add(other?.StandardError is { } error ? Numbers.Fixed(error, 4) : "");
            }

            return row;
        }
    }

    private void Details(Estimates estimates) => page.Line(
        $"{Numbers.Count(estimates.Comparisons.Games)} games, log-likelihood {Numbers.Fixed(estimates.LogLikelihood, 4)}, "
        + $"largest gradient {Numbers.Small(estimates.GradientNorm)} after {Numbers.Count(estimates.Evaluations)} evaluations; "
        + $"strength of {estimates.Comparisons.Players[estimates.Reference]} set to 0");

    private void Probabilities(Estimates estimates)
    {
        var players = estimates.Comparisons.Players;
        page.Line(estimates.Home is null ? "\nProbability that the row beats the column" : "\nProbability that the row, at home, beats the column");
        page.Table(
            ["", .. players],
            [.. players.Select((name, player) => (IReadOnlyList<string>)[name, .. players.Select((_, opponent) => opponent == player ? "" : Numbers.Fixed(estimates.WinProbability(player, opponent), 3))])]);
    }
}
