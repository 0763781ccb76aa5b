namespace BradleyTerry.Data;

/// <summary>An estimate that others published: a log-strength, or the home effect.</summary>
/// <param name="Name">The player, or <see cref="HomeEffect"/>.</param>
/// <param name="Value">The estimate.</param>
/// <param name="StandardError">Its standard error, where it was published.</param>
internal sealed record PublishedEstimate(string Name, double Value, double? StandardError)
{
    /// <summary>The name of the home effect among estimates.</summary>
    public const string HomeEffect = "home effect";
}

/// <summary>A published probability, to two decimals, that one player beats another.</summary>
internal sealed record PublishedProbability(string Player, string Opponent, double Value);

/// <summary>A published analysis.</summary>
/// <param name="Comparisons">The games.</param>
/// <param name="Reference">The player whose strength is zero.</param>
/// <param name="WithHome">Whether the analysis has a home effect.</param>
/// <param name="Source">Where the estimates stand.</param>
/// <param name="Estimates">The estimates.</param>
/// <param name="Probability">A probability that follows from them, where one was published.</param>
internal sealed record PublishedFit(
    Comparisons Comparisons,
    string Reference,
    bool WithHome,
    string Source,
    IReadOnlyList<PublishedEstimate> Estimates,
    PublishedProbability? Probability = null);

/// <summary>Three published tables and their maximum-likelihood estimates.</summary>
internal static class Published
{
    /// <summary>Every analysis, in the order of presentation.</summary>
    public static IReadOnlyList<PublishedFit> All { get; } = [WorkedExample(), Citations(), Baseball(withHome: false), Baseball(withHome: true)];

    /// <summary>A beats B 8:4 and loses to C 3:5; B and C never met. In closed form the odds are 1 : 1/2 : 5/3.</summary>
    private static PublishedFit WorkedExample()
    {
        var games = new ComparisonsBuilder();
        games.Add("A", "B", 8, 4);
        games.Add("A", "C", 3, 5);
        return new PublishedFit(
            games.Build("Worked example: A beats B 8:4, A loses to C 3:5", firstIsHome: false),
            "A",
            WithHome: false,
            "closed form: odds 1, 1/2, 5/3",
            [
                new("A", 0, 0),
                new("B", Math.Log(1.0 / 2), Math.Sqrt(1.0 / 8 + 1.0 / 4)),
                new("C", Math.Log(5.0 / 3), Math.Sqrt(1.0 / 3 + 1.0 / 5)),
            ],
            new PublishedProbability("B", "C", 0.23));
    }

    /// <summary>Citations between four statistics journals: Agresti 2002, page 448, from Stigler 1994.</summary>
    private static PublishedFit Citations()
    {
        var games = new ComparisonsBuilder();
        games.Add("Biometrika", "Comm Statist", 730, 33);
        games.Add("Biometrika", "JASA", 498, 320);
        games.Add("Biometrika", "JRSS-B", 221, 284);
        games.Add("Comm Statist", "JASA", 68, 813);
        games.Add("Comm Statist", "JRSS-B", 17, 276);
        games.Add("JASA", "JRSS-B", 142, 325);
        return new PublishedFit(
            games.Build("Citations between four statistics journals (Agresti 2002, p. 448)", firstIsHome: false),
            "Biometrika",
            WithHome: false,
            "R, BradleyTerry2 1.1-2",
            [
                new("Biometrika", 0, 0),
                new("Comm Statist", -2.94907249684391, 0.102545335369857),
                new("JASA", -0.479569769751992, 0.0605887292396263),
                new("JRSS-B", 0.268954055819472, 0.0708299651057058),
            ]);
    }

    /// <summary>American League East 1987: Agresti 2002, page 438.</summary>
    private static PublishedFit Baseball(bool withHome)
    {
        string[] teams = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"];

        // Row: home team; column: away team.
        int[][] homeWins =
        [
            [0, 4, 4, 4, 6, 4, 6],
            [3, 0, 4, 4, 6, 6, 4],
            [2, 4, 0, 2, 4, 4, 6],
            [3, 5, 2, 0, 4, 4, 6],
            [5, 2, 3, 4, 0, 5, 6],
            [2, 3, 3, 4, 4, 0, 2],
            [2, 1, 1, 2, 1, 3, 0],
        ];
        int[][] awayWins =
        [
            [0, 3, 2, 3, 1, 2, 0],
            [3, 0, 2, 3, 0, 1, 3],
            [5, 3, 0, 4, 3, 2, 0],
            [3, 1, 5, 0, 3, 2, 1],
            [1, 5, 3, 2, 0, 2, 0],
            [5, 3, 4, 3, 2, 0, 4],
            [5, 5, 6, 4, 6, 4, 0],
        ];
        var games = new ComparisonsBuilder();
        for (var home = 0; home < teams.Length; home++)
        {
            for (var away = 0; away < teams.Length; away++)
            {
                if (home != away)
                    games.Add(teams[home], teams[away], homeWins[home][away], awayWins[home][away]);
            }
        }

        return new PublishedFit(
            games.Build("American League East 1987" + (withHome ? ", with home advantage" : "") + " (Agresti 2002, p. 438)", firstIsHome: true),
            "Baltimore",
            withHome,
            "R, BradleyTerry2 1.1-2",
            withHome
                ?
                [
                    new("Milwaukee", 1.61955499357836, 0.347365306113204),
                    new("Detroit", 1.47535721358556, 0.344551823286006),
                    new("Toronto", 1.32711039807169, 0.340322208807713),
                    new("New York", 1.28134040327551, 0.340403358810646),
                    new("Boston", 1.14380265329736, 0.337842188911366),
                    new("Cleveland", 0.704694456900153, 0.335001403341795),
                    new("Baltimore", 0, 0),
                    new(PublishedEstimate.HomeEffect, 0.302260655527553, 0.130943642532349),
                ]
                :
                [
                    new("Milwaukee", 1.58135587665478, 0.343255664026282),
                    new("Detroit", 1.43640843180581, 0.33956818748248),
                    new("Toronto", 1.29448512390533, 0.33666909269333),
                    new("New York", 1.24761784513494, 0.335860615785444),
                    new("Boston", 1.10769770537234, 0.333877908162483),
                    new("Cleveland", 0.683852769153276, 0.33187639914354),
                    new("Baltimore", 0, 0),
                ]);
    }
}
