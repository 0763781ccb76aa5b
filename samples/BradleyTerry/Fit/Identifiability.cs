using BradleyTerry.Data;

namespace BradleyTerry.Fit;

/// <summary>
/// Finds out, before anything is fitted, whether the maximum-likelihood estimates exist: the strengths are finite and unique just when
/// the graph of wins is strongly connected (Ford 1957), and a home effect when neither sign of it explains every game.
/// </summary>
internal static class Identifiability
{
    /// <summary>What prevents estimates, one sentence each, by name; nothing where they exist.</summary>
    public static IReadOnlyList<string> Problems(Comparisons comparisons, bool withHome)
    {
        var wins = WinGraph.Of(comparisons);
        var groups = wins.Undirected().Components();
        if (groups.Count > 1)
            return [$"These groups never meet, so nothing compares their strengths: {string.Join("; ", groups.Select(g => Names(comparisons, g)))}."];
        var components = wins.Components();
        if (components.Count > 1)
            return [.. components.Select(c => Unbounded(comparisons, wins, c)).Where(s => s != "")];
        return withHome && HomeProblem(wins) is { } problem ? [problem] : [];
    }

    private static string Unbounded(Comparisons comparisons, WinGraph wins, IReadOnlyList<int> component)
    {
        var loses = wins.Edges.Any(e => component.Contains(e.Loser) && !component.Contains(e.Winner));
        var beats = wins.Edges.Any(e => component.Contains(e.Winner) && !component.Contains(e.Loser));
        var names = Names(comparisons, component);
        var many = component.Count > 1;
        return (beats, loses) switch
        {
            (true, false) => $"{names} {(many ? "never lose" : "never loses")} to any other player: the estimate is plus infinity.",
            (false, true) => $"{names} never {(many ? "beat" : "beats")} any other player: the estimate is minus infinity.",
            _ => $"{names} {(many ? "lose" : "loses")} only to players who are infinitely stronger, and {(many ? "beat" : "beats")} only players who are infinitely weaker.",
        };
    }

    /// <summary>
    /// A home effect h and strengths s fit every game if s[winner] - s[loser] + h >= 0 where the home side won, and
    /// s[winner] - s[loser] - h >= 0 where it lost. For h = 1 and h = -1 these are difference constraints, which have a solution just
    /// when the graph, with 1 for a home win and -1 for an away win (or the reverse), has no negative cycle.
    /// </summary>
    private static string? HomeProblem(WinGraph wins)
    {
        var risesForever = !wins.HasNegativeCycle(homeWin: 1, awayWin: -1);
        var fallsForever = !wins.HasNegativeCycle(homeWin: -1, awayWin: 1);
        return (risesForever, fallsForever) switch
        {
            (true, true) => "The home effect cannot be told from the strengths: every cycle of wins has as many home as away wins.",
            (true, false) => "The home effect is plus infinity: in every cycle of wins the home side wins at least as often as it loses.",
            (false, true) => "The home effect is minus infinity: in every cycle of wins the home side loses at least as often as it wins.",
            _ => null,
        };
    }

    private static string Names(Comparisons comparisons, IReadOnlyList<int> players) => string.Join(", ", players.Select(p => comparisons.Players[p]));
}
