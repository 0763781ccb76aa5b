using BradleyTerry.Data;

namespace BradleyTerry.Fit;

/// <summary>One player beat another at least once.</summary>
internal readonly record struct Win(int Winner, int Loser, bool WinnerIsFirst);

/// <summary>Players, and an edge from each winner to each loser.</summary>
internal sealed class WinGraph(int players, IReadOnlyList<Win> edges)
{
    /// <summary>The edges, each once.</summary>
    public IReadOnlyList<Win> Edges => edges;

    /// <summary>The graph of a table of games.</summary>
    public static WinGraph Of(Comparisons comparisons)
    {
        var edges = new HashSet<Win>();
        foreach (var match in comparisons.Matches)
        {
            if (match.FirstWins > 0)
                edges.Add(new Win(match.First, match.Second, WinnerIsFirst: true));
            if (match.SecondWins > 0)
                edges.Add(new Win(match.Second, match.First, WinnerIsFirst: false));
        }

        return new WinGraph(comparisons.Players.Count, [.. edges]);
    }

    /// <summary>The same graph with every edge in both directions.</summary>
    public WinGraph Undirected() => new(players, [.. edges, .. edges.Select(e => e with { Winner = e.Loser, Loser = e.Winner })]);

    /// <summary>The strongly connected components (Kosaraju), they and their players in the order of the players.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Components()
    {
        var beaten = edges.ToLookup(e => e.Winner, e => e.Loser);
        var beatenBy = edges.ToLookup(e => e.Loser, e => e.Winner);
        var finished = new List<int>(players);
        var seen = new bool[players];
        for (var player = 0; player < players; player++)
            Visit(player, beaten, seen, finished);
        Array.Clear(seen);
        var components = new List<IReadOnlyList<int>>();
        for (var i = players - 1; i >= 0; i--)
        {
            var component = new List<int>();
            Visit(finished[i], beatenBy, seen, component);
            component.Sort();
            if (component.Count > 0)
                components.Add(component);
        }

        return [.. components.OrderBy(c => c[0])];
    }

    /// <summary>Whether the weights of some cycle add up to less than zero (Bellman and Ford).</summary>
    /// <param name="homeWin">The weight of an edge whose winner played first.</param>
    /// <param name="awayWin">The weight of the other edges.</param>
    public bool HasNegativeCycle(int homeWin, int awayWin)
    {
        var distance = new long[players];
        for (var round = 0; round < players; round++)
        {
            var changed = false;
            foreach (var edge in edges)
            {
                var through = distance[edge.Winner] + (edge.WinnerIsFirst ? homeWin : awayWin);
                if (through >= distance[edge.Loser])
                    continue;
                distance[edge.Loser] = through;
                changed = true;
            }

            if (!changed)
                return false;
        }

        return true;
    }

    /// <summary>Depth first, without recursion: adds each player that is newly reached once all behind it are added.</summary>
    private static void Visit(int start, ILookup<int, int> next, bool[] seen, List<int> finished)
    {
        if (seen[start])
            return;
        seen[start] = true;
        var path = new Stack<(int Player, IEnumerator<int> Next)>();
        path.Push((start, next[start].GetEnumerator()));
        while (path.TryPeek(out var top))
        {
            if (!top.Next.MoveNext())
            {
                finished.Add(path.Pop().Player);
            }
            else if (!seen[top.Next.Current])
            {
                seen[top.Next.Current] = true;
                path.Push((top.Next.Current, next[top.Next.Current].GetEnumerator()));
            }
        }
    }
}
