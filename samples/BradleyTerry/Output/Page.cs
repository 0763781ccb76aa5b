using Spectre.Console;

namespace BradleyTerry.Output;

/// <summary>Where results are written: tables and a spinner on a terminal, plain aligned lines into a file or a pipe.</summary>
internal sealed class Page
{
    private readonly TextWriter writer;
    private readonly IAnsiConsole? terminal;

    private Page(TextWriter writer, IAnsiConsole? terminal)
    {
        this.writer = writer;
        this.terminal = terminal;
    }

    /// <summary>The console, drawn on where it is a terminal.</summary>
    public static Page Console => System.Console.IsOutputRedirected ? Plain(System.Console.Out) : new Page(System.Console.Out, AnsiConsole.Console);

    /// <summary>Plain lines.</summary>
    public static Page Plain(TextWriter writer) => new(writer, null);

    /// <summary>Writes a heading.</summary>
    public void Heading(string text)
    {
        if (terminal is null)
            writer.WriteLine($"\n{text}\n{new string('-', text.Length)}");
        else
            terminal.Write(new Rule($"[bold]{Markup.Escape(text)}[/]") { Justification = Justify.Left });
    }

    /// <summary>Writes a line.</summary>
    public void Line(string text)
    {
        if (terminal is null)
            writer.WriteLine(text);
        else
            terminal.WriteLine(text);
    }

    /// <summary>Writes a table: the first column to the left, numbers to the right.</summary>
    public void Table(IReadOnlyList<string> header, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (terminal is null)
        {
            var widths = header.Select((h, column) => rows.Append(header).Max(r => r[column].Length)).ToArray();
            foreach (var row in rows.Prepend(header))
                writer.WriteLine(string.Join("  ", row.Select((text, column) => column == 0 ? text.PadRight(widths[0]) : text.PadLeft(widths[column]))).TrimEnd());
            return;
        }

        var table = new Table { Border = TableBorder.Rounded };
        for (var column = 0; column < header.Count; column++)
            table.AddColumn(new TableColumn(Markup.Escape(header[column])) { Alignment = column == 0 ? Justify.Left : Justify.Right });
        foreach (var row in rows)
            table.AddRow(row.Select(Markup.Escape).ToArray());
        terminal.Write(table);
    }

    /// <summary>Does work that says what it is doing.</summary>
    public T Working<T>(string title, Func<Action<string>, T> work) =>
        terminal is null ? work(_ => { }) : terminal.Status().Start(Markup.Escape(title), status => work(step => status.Status = Markup.Escape($"{title}: {step}")));
}
