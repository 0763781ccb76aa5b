namespace BradleyTerry.Data;

/// <summary>The games of one pair of players, or some of them.</summary>
/// <param name="First">Position of the first player in the list of players.</param>
/// <param name="Second">Position of the second player.</param>
/// <param name="FirstWins">How often the first player won; half wins are allowed for ties.</param>
/// <param name="SecondWins">How often the second player won.</param>
internal readonly record struct Match(int First, int Second, double FirstWins, double SecondWins);

/// <summary>A table of paired comparisons.</summary>
/// <param name="Title">What is compared, for headings.</param>
/// <param name="Players">The names of the players.</param>
/// <param name="Matches">The games.</param>
/// <param name="FirstIsHome">Whether the first player of each match plays at home.</param>
internal sealed record Comparisons(string Title, IReadOnlyList<string> Players, IReadOnlyList<Match> Matches, bool FirstIsHome)
{
    /// <summary>The number of games.</summary>
    public double Games => Matches.Sum(m => m.FirstWins + m.SecondWins);

    /// <summary>The position of a player, or -1.</summary>
    public int IndexOf(string player)
    {
        for (var i = 0; i < Players.Count; i++)
        {
            if (Players[i] == player)
                return i;
        }

        return -1;
    }
}
