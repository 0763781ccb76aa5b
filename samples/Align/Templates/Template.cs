using System.Text;

namespace Align.Templates;

/// <summary>
/// A chat template: the part of Jinja that the chat templates of models are written in, as transformers runs it. Templates cannot reach anything but the values
/// they are given.
/// </summary>
internal sealed class Template
{
    private readonly Statement body;

    private Template(Statement body) => this.body = body;

    /// <summary>Reads a template.</summary>
    /// <exception cref="TemplateException">It is not a template, or uses what is not read here.</exception>
    public static Template Parse(string source) => new(new Statements(new TokenReader(Lexer.Tokens(source))).Whole());

    /// <summary>What it writes of some values.</summary>
    /// <exception cref="TemplateException">It refuses the values.</exception>
    public string Render(IReadOnlyDictionary<string, object?> values)
    {
        var scope = new Scope(null)
        {
            ["raise_exception"] = (Callable)((arguments, _) => throw new TemplateException(Values.Text(arguments.FirstOrDefault()), 0)),
            ["strftime_now"] = (Callable)((arguments, _) => Date(Values.Text(arguments.FirstOrDefault()))),
            ["namespace"] = (Callable)((arguments, named) => new Dictionary<string, object?>(arguments is [IDictionary<string, object?> first, ..] ? first.Concat(named) : named, StringComparer.Ordinal)),
            ["dict"] = (Callable)((_, named) => new Dictionary<string, object?>(named, StringComparer.Ordinal)),
            ["range"] = (Callable)((arguments, _) => Range([.. arguments.Select(a => (long)Values.Number(a))])),
        };
        foreach (var (name, value) in values)
            scope[name] = value;
        var text = new StringBuilder();
        body(scope, text);
        return text.ToString();
    }

    private static List<object?> Range(long[] bounds)
    {
        var (from, to, by) = bounds switch
        {
            [var end] => (0L, end, 1L),
            [var start, var end] => (start, end, 1L),
            [var start, var end, var step, ..] when step != 0 => (start, end, step),
            _ => throw new TemplateException("range is called with one to three numbers, the last not 0", 0),
        };
        if ((to - from) / by > 100_000)
            throw new TemplateException("a range of more than 100,000 numbers", 0);
        var numbers = new List<object?>();
        for (var i = from; by > 0 ? i < to : i > to; i += by)
            numbers.Add(i);
        return numbers;
    }

    /// <summary>The date in C's format, in English.</summary>
    private static string Date(string format)
    {
        var now = DateTime.Now;
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            var part = format[++i] switch
            {
                'd' => "dd",
                'm' => "MM",
                'Y' => "yyyy",
                'y' => "yy",
                'B' => "MMMM",
                'b' => "MMM",
                'A' => "dddd",
                'a' => "ddd",
                'H' => "HH",
                'M' => "mm",
                'S' => "ss",
                var other => throw new TemplateException($"%{other} in a date is not read", 0),
            };
            text.Append(now.ToString(part, System.Globalization.CultureInfo.InvariantCulture));
        }

        return text.ToString();
    }
}
