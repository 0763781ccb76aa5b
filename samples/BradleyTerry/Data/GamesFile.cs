using System.Globalization;

namespace BradleyTerry.Data;

/// <summary>Reads games from a file of comma-separated values with a header.</summary>
internal static class GamesFile
{
    /// <summary>The layouts, as help and errors state them.</summary>
    public const string Columns = "winner,loser[,count] or first,second,first_wins,second_wins or home,away,home_wins,away_wins";

    private static readonly Layout[] Layouts =
    [
        new(["winner", "loser", "count"], Required: 2, FirstIsHome: false),
        new(["first", "second", "first_wins", "second_wins"], Required: 4, FirstIsHome: false),
        new(["home", "away", "home_wins", "away_wins"], Required: 4, FirstIsHome: true),
    ];

    /// <summary>Reads a file.</summary>
    /// <exception cref="DataException">The file cannot be read, or a row is not as the header says: the message gives the line.</exception>
    public static Comparisons Read(string path)
    {
        try
        {
            return Parse(File.ReadAllText(path), Path.GetFileName(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path}: {exception.Message}");
        }
    }

    /// <summary>Reads the text of a file.</summary>
    /// <param name="text">The text.</param>
    /// <param name="file">The file's name, for errors and the heading.</param>
    /// <exception cref="DataException">A row is not as the header says: the message gives the line.</exception>
    public static Comparisons Parse(string text, string file)
    {
        var reader = new CsvReader(text, file);
        var header = reader.Read() ?? throw new DataException($"{file}: the file is empty; the first line names the columns: {Columns}.");
        var (layout, places) = LayoutOf(header, file);
        var builder = new ComparisonsBuilder();
        while (reader.Read() is { } record)
        {
            if (record.Fields.Count != header.Fields.Count)
                throw new DataException($"{file}:{record.Line}: {record.Fields.Count} fields, but the header has {header.Fields.Count}.");
            var row = new Row(layout, places, record, file);
            var (first, second) = (row.Player(0), row.Player(1));
            if (first == second)
                throw new DataException($"{file}:{record.Line}: \"{first}\" plays against itself.");
            if (layout.Required == 4)
                builder.Add(first, second, row.Count(2), row.Count(3));
            else
                builder.Add(first, second, places[2] < 0 ? 1 : row.Count(2), 0);
        }

        var comparisons = builder.Build(file, layout.FirstIsHome);
        return comparisons.Games > 0 ? comparisons : throw new DataException($"{file}: there are no games.");
    }

    /// <summary>The layout that has the header's columns, and the place of each of the layout's columns in a record; -1 for one left out.</summary>
    private static (Layout Layout, int[] Places) LayoutOf(CsvRecord header, string file)
    {
        var names = header.Fields.Select(Normal).ToList();
        var layout = Layouts.FirstOrDefault(l => names.Contains(l.Columns[0]));
        if (layout is null)
            throw new DataException($"{file}:{header.Line}: no column \"winner\", \"first\" or \"home\"; the columns are {Columns}.");
        for (var i = 0; i < names.Count; i++)
        {
            if (!layout.Columns.Contains(names[i]))
                throw new DataException($"{file}:{header.Line}: unknown column \"{header.Fields[i]}\"; the columns are {Columns}.");
            if (names.IndexOf(names[i]) < i)
                throw new DataException($"{file}:{header.Line}: the column \"{header.Fields[i]}\" is there twice.");
        }

        var places = layout.Columns.Select(c => names.IndexOf(c)).ToArray();
        var missing = Array.IndexOf(places, -1, 0, layout.Required);
        return missing < 0
            ? (layout, places)
            : throw new DataException($"{file}:{header.Line}: the column \"{layout.Columns[missing]}\" is missing; the columns are {Columns}.");
    }

    /// <summary>Spellings that published tables use: <c>home.team</c> is <c>home</c>, <c>Home Wins</c> is <c>home_wins</c>.</summary>
    private static string Normal(string column)
    {
        var name = column.ToLowerInvariant().Replace('.', '_').Replace(' ', '_');
        return name.EndsWith("_team", StringComparison.Ordinal) ? name[..^"_team".Length] : name;
    }

    /// <summary>The columns of one kind of file: two players, then counts.</summary>
    private sealed record Layout(string[] Columns, int Required, bool FirstIsHome);

    private readonly record struct Row(Layout Layout, int[] Places, CsvRecord Record, string File)
    {
        public string Player(int column)
        {
            var name = Record.Fields[Places[column]];
            return name != "" ? name : throw new DataException($"{File}:{Record.Line}: the {Layout.Columns[column]} has no name.");
        }

        public double Count(int column)
        {
            var text = Record.Fields[Places[column]];
            const NumberStyles Styles = NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign | NumberStyles.AllowExponent;
            return double.TryParse(text, Styles, CultureInfo.InvariantCulture, out var count) && count >= 0 && double.IsFinite(count)
                ? count
                : throw new DataException($"{File}:{Record.Line}: {Layout.Columns[column]} is \"{text}\", not a count of games (0 or more).");
        }
    }
}
