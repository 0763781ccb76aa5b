using System.Diagnostics;
using Align.Training;
using Spectre.Console;

namespace Align.Reporting;

/// <summary>Where results are written: tables and a progress bar on a terminal, plain aligned lines into a file or a pipe.</summary>
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

    /// <summary>Writes a table: the first column to the left, the others to the right unless told.</summary>
    public void Table(IReadOnlyList<string> header, IReadOnlyList<IReadOnlyList<string>> rows, bool isText = false)
    {
        if (terminal is null)
        {
            var widths = header.Select((_, column) => rows.Append(header).Max(r => r[column].Length)).ToArray();
            foreach (var row in rows.Prepend(header))
                writer.WriteLine(string.Join("  ", row.Select((text, column) => IsLeft(column) ? text.PadRight(widths[column]) : text.PadLeft(widths[column]))).TrimEnd());
            return;
        }

        var table = new Table { Border = TableBorder.Rounded };
        for (var column = 0; column < header.Count; column++)
            table.AddColumn(new TableColumn(Markup.Escape(header[column])) { Alignment = IsLeft(column) ? Justify.Left : Justify.Right });
        foreach (var row in rows)
            table.AddRow(row.Select(Markup.Escape).ToArray());
        terminal.Write(table);

        bool IsLeft(int column) => column == 0 || isText;
    }

    /// <summary>Does work that says how far it is.</summary>
    /// <param name="title">What is done.</param>
    /// <param name="work">The work.</param>
    public T Training<T>(string title, Func<ITrainingProgress, T> work)
    {
        if (terminal is null)
            return work(new Lines(this, title));
        // No refreshing in the background: TorchSharp 0.107 cannot bear a garbage collection that another thread brings about.
        return terminal.Progress()
            .AutoRefresh(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 20 }, new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => work(new Bar(this, context, context.AddTask(Markup.Escape(title)), title)));
    }

    /// <summary>What a bar or a line says of a step, in the field's words.</summary>
    private static string Summary(Averages metrics)
    {
        List<string> parts = [];
        Add("loss", "loss", 4);
        Add("acc", "rewards/accuracies", 2);
        Add("margin", "rewards/margins", 3);
        Add("reward", "reward", 3);
        Add("kl", "kl", 3);
        if (metrics["tokens_per_second"] is { } speed)
            parts.Add($"{Format.Count(speed)} tok/s");
        return string.Join("  ", parts);

        void Add(string label, string name, int decimals)
        {
            if (metrics[name] is { } value)
                parts.Add($"{label} {Format.Fixed(value, decimals)}");
        }
    }

    /// <summary>A bar that is drawn again, by the thread that trains, when a step is done.</summary>
    private sealed class Bar(Page page, ProgressContext context, ProgressTask bar, string title) : ITrainingProgress
    {
        private readonly Stopwatch clock = Stopwatch.StartNew();

        public void Report(int step, int total, Averages metrics)
        {
            bar.MaxValue = total;
            bar.Value = step;
            bar.Description = Markup.Escape($"{title}  {Summary(metrics)}");
            if (clock.ElapsedMilliseconds < 100 && step < total)
                return;
            clock.Restart();
            context.Refresh();
        }

        public void Warn(string text) => page.terminal!.MarkupLine($"[yellow]{Markup.Escape(text)}[/]");
    }

    /// <summary>A line every tenth of the steps.</summary>
    private sealed class Lines(Page page, string title) : ITrainingProgress
    {
        private readonly Stopwatch clock = Stopwatch.StartNew();
        private int tenth = -1;
        private int first = -1;

        public void Report(int step, int total, Averages metrics)
        {
            first = first < 0 ? step - 1 : first;
            var now = 10 * step / Math.Max(1, total);
            if (now == tenth)
                return;
            tenth = now;
            var left = clock.Elapsed * ((double)(total - step) / Math.Max(1, step - first));
            page.Line($"{title} {step}/{total}  {Summary(metrics)}  {Format.Fixed(left.TotalSeconds, 0)} s left");
        }

        public void Warn(string text) => page.Line($"warning: {text}");
    }
}
