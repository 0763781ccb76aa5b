namespace BradleyTerry.Data;

/// <summary>Collects games; players are numbered in the order in which they appear.</summary>
internal sealed class ComparisonsBuilder
{
    private readonly Dictionary<string, int> positions = new(StringComparer.Ordinal);
    private readonly List<string> players = [];
    private readonly List<Match> matches = [];

    /// <summary>Adds the games of one row.</summary>
    public void Add(string first, string second, double firstWins, double secondWins) =>
        matches.Add(new Match(Position(first), Position(second), firstWins, secondWins));

    /// <summary>The table of all games added.</summary>
    public Comparisons Build(string title, bool firstIsHome) => new(title, players, matches, firstIsHome);

    private int Position(string player)
    {
        if (positions.TryGetValue(player, out var position))
            return position;
        positions.Add(player, players.Count);
        players.Add(player);
        return players.Count - 1;
    }
}
