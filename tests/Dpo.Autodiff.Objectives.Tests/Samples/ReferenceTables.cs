using System.Globalization;
using BradleyTerry.Data;

namespace Dpo.Autodiff.Objectives.Tests.Samples;

/// <summary>The published tables and estimates beside the repository.</summary>
internal static class ReferenceTables
{
    /// <summary>The folder, or null where it is missing.</summary>
    public static string? Folder { get; } = Find();

    /// <summary>The records of a table, without its header.</summary>
    public static IEnumerable<IReadOnlyList<string>> Rows(string name)
    {
        var reader = new CsvReader(File.ReadAllText(Path.Combine(Folder!, name)), name);
        reader.Read();
        while (reader.Read() is { } record)
            yield return record.Fields;
    }

    /// <summary>Estimates and standard errors by player.</summary>
    public static Dictionary<string, (double Value, double Error)> Estimates(string name) => Rows(name).ToDictionary(
        r => r[0].Replace("team", "").TrimStart('.'),
        r => (double.Parse(r[1], CultureInfo.InvariantCulture), double.Parse(r[2], CultureInfo.InvariantCulture)));

    private static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var tables = Path.Combine(folder.FullName, "shared", "data", "bradley-terry");
            if (Directory.Exists(tables))
                return tables;
        }

        return null;
    }
}

/// <summary>A test that needs the tables; skipped where they are missing.</summary>
internal sealed class ReferenceTablesFactAttribute : FactAttribute
{
    public ReferenceTablesFactAttribute() => Skip = ReferenceTables.Folder is null ? "../shared/data/bradley-terry is not there" : null;
}
