using System.CommandLine;
using BradleyTerry.Data;
using BradleyTerry.Fit;
using BradleyTerry.Output;

namespace BradleyTerry;

/// <summary>The arguments of the program, and what it does with them.</summary>
internal static class CommandLine
{
    private const string Description = $"""
        Fits Bradley-Terry models of paired comparisons by maximum likelihood and prints strengths with standard errors and win
        probabilities. Without --data it fits three published tables and compares the estimates with the published ones.

        A file of games has a header and one of these sets of columns, in any order:
          winner,loser[,count]                     count games that the winner won; 1 where the column is left out
          first,second,first_wins,second_wins      on neutral ground
          home,away,home_wins,away_wins            --home estimates the home advantage
        """;

    /// <summary>The root command.</summary>
    public static RootCommand Root()
    {
        var data = new Option<FileInfo?>("--data") { Description = "Fit the games of this CSV file.", HelpName = "games.csv" };
        var home = new Option<bool>("--home") { Description = "Estimate the advantage of playing at home (with --data)." };
        var reference = new Option<string?>("--reference") { Description = "The player whose strength is 0 (with --data); the first in the file by default.", HelpName = "name" };
        var plot = new Option<FileInfo?>("--plot") { Description = "Draw the strengths with 95 % error bars.", HelpName = "strengths.png" };
        var root = new RootCommand(Description) { data, home, reference, plot };
        root.Validators.Add(result =>
        {
            if (result.GetValue(data) is null && (result.GetValue(home) || result.GetValue(reference) is not null))
                result.AddError("--home and --reference need --data: the published analyses fix both.");
        });
        root.SetAction(result =>
        {
            try
            {
                var page = Page.Console;
                var (models, agrees) = result.GetValue(data) is { } file
                    ? Own(page, file.FullName, result.GetValue(home), result.GetValue(reference))
                    : PublishedTables(page);
                if (result.GetValue(plot) is { } picture)
                    Draw(page, models, picture.FullName);
                return agrees ? 0 : 1;
            }
            catch (DataException exception)
            {
                Console.Error.WriteLine(exception.Message);
                return 1;
            }
        });
        return root;
    }

    private static (IReadOnlyList<Estimates> Models, bool Agrees) Own(Page page, string path, bool home, string? reference)
    {
        var comparisons = GamesFile.Read(path);
        var estimates = page.Working(comparisons.Title, progress => MaximumLikelihood.Fit(comparisons, home, reference, progress));
        new Report(page).Write(estimates);
        return ([estimates], true);
    }

    private static (IReadOnlyList<Estimates> Models, bool Agrees) PublishedTables(Page page)
    {
        var report = new Report(page);
        var models = new List<Estimates>();
        var agrees = true;
        foreach (var published in Published.All)
        {
            var estimates = page.Working(published.Comparisons.Title, progress => MaximumLikelihood.Fit(published.Comparisons, published.WithHome, published.Reference, progress));
            agrees &= report.Write(estimates, published);
            models.Add(estimates);
        }

        return (models, agrees);
    }

    private static void Draw(Page page, IReadOnlyList<Estimates> models, string path)
    {
        try
        {
            StrengthPlot.Save(models, path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path}: {exception.Message}");
        }

        page.Line($"\nDrawn: {path}");
    }
}
