using System.Globalization;
using Spectre.Console;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>Writes the table.</summary>
internal static class Summary
{
    /// <summary>
    /// Writes one line a row and allocator, Markdown where the output is a file or a pipe. Pairs are eager / fused: resident memory in
    /// units of the logits, managed bytes a call.
    /// </summary>
    public static void Write(IReadOnlyList<(string Allocator, Measurement Measurement)> measured)
    {
        string[] header = ["work", "allocator", "times faster", "eager", "fused", "of copy", "memory", "managed", "difference"];
        var rows = measured.Select(m => Cells(m.Allocator, m.Measurement)).ToArray();
        if (Console.IsOutputRedirected)
        {
            Console.WriteLine($"| {string.Join(" | ", header)} |");
            Console.WriteLine($"|{string.Concat(header.Select((_, column) => column < 2 ? " --- |" : " ---: |"))}");
            foreach (var row in rows)
                Console.WriteLine($"| {string.Join(" | ", row)} |");
            return;
        }

        var table = new Table { Border = TableBorder.Rounded };
        for (var column = 0; column < header.Length; column++)
            table.AddColumn(new TableColumn(Markup.Escape(header[column])) { Alignment = column < 2 ? Justify.Left : Justify.Right });
        foreach (var row in rows)
            table.AddRow(row.Select(Markup.Escape).ToArray());
        AnsiConsole.Write(table);
    }

    /// <summary>One measurement in a line.</summary>
    public static string Line(Measurement m) => string.Create(CultureInfo.InvariantCulture, $"{m.Name}: {m.Ratio:0.0}x ({m.Least:0.0}..{m.Most:0.0})");

    private static string[] Cells(string allocator, Measurement m) =>
    [
        m.Name,
        allocator,
        Text($"{m.Ratio:0.0} ({m.Least:0.0}..{m.Most:0.0})"),
        Time(m.Eager),
        Time(m.Fused),
        m.CopyShare is { } share ? Text($"{share:0.00}") : "",
        allocator == "default" && m.EagerMemory is { } eager && m.FusedMemory is { } fused ? Text($"{eager:0.00} / {fused:0.00}") : "",
        Text($"{m.EagerManaged:0} / {m.FusedManaged:0}"),
        Text($"{m.Difference:0.0e+0}") + (m.IsEqual ? "" : " DIFFERS"),
    ];

    private static string Time(double seconds) => seconds < 1e-3 ? Text($"{seconds * 1e6:0.0} us") : Text($"{seconds * 1e3:0.0} ms");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
