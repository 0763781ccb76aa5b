using System.Globalization;

namespace Align.Templates;

/// <summary>The methods of texts and mappings that templates call.</summary>
internal static class Methods
{
    /// <summary>A method of a value; null where it has none of the name.</summary>
    public static Callable? Of(object? value, string name, int line) => (value, name) switch
    {
        (string text, _) => OfText(text, name, line),
        (IDictionary<string, object?> mapping, "items") => (_, _) => mapping.Select(p => (object?)new Tuple([p.Key, p.Value])).ToList(),
        (IDictionary<string, object?> mapping, "keys") => (_, _) => mapping.Keys.Cast<object?>().ToList(),
        (IDictionary<string, object?> mapping, "values") => (_, _) => mapping.Values.ToList(),
        (IDictionary<string, object?> mapping, "get") => (values, _) => values is [string key, ..] && mapping.TryGetValue(key, out var entry) ? entry : values.Count > 1 ? values[1] : null,
        _ => null,
    };

    private static Callable? OfText(string text, string name, int line)
    {
        return name switch
        {
            "strip" => (values, _) => text.Trim(Characters(values)),
            "lstrip" => (values, _) => text.TrimStart(Characters(values)),
            "rstrip" => (values, _) => text.TrimEnd(Characters(values)),
            "upper" => (_, _) => text.ToUpperInvariant(),
            "lower" => (_, _) => text.ToLowerInvariant(),
            "title" => (_, _) => CultureInfo.InvariantCulture.TextInfo.ToTitleCase(text.ToLowerInvariant()),
            "capitalize" => (_, _) => Capitalised(text),
            "startswith" => (values, _) => Any(values, part => text.StartsWith(part, StringComparison.Ordinal)),
            "endswith" => (values, _) => Any(values, part => text.EndsWith(part, StringComparison.Ordinal)),
            "find" => (values, _) => (long)text.IndexOf(First(values), StringComparison.Ordinal),
            "count" => (values, _) => (long)text.Split(First(values)).Length - 1,
            "replace" => (values, _) => values is [string from, string to, ..] ? text.Replace(from, to, StringComparison.Ordinal) : throw Wrong(),
            "split" => (values, named) => Split(text, values, named),
            "splitlines" => (_, _) => text.Split('\n').Select(l => (object?)l).ToList(),
            "join" => (values, _) => string.Join(text, (Values.Items(values.FirstOrDefault()) ?? throw Wrong()).Select(Values.Text)),
            _ => null,
        };

        TemplateException Wrong() => new($"{name} is not called so", line);

        string First(IReadOnlyList<object?> values) => values is [string part, ..] ? part : throw Wrong();

        bool Any(IReadOnlyList<object?> values, Func<string, bool> holds) => values is [string part, ..] ? holds(part) : (Values.Items(values.FirstOrDefault()) ?? throw Wrong()).Any(p => p is string one && holds(one));
    }

    /// <summary>A text whose first letter alone is large.</summary>
    public static string Capitalised(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant();

    private static char[]? Characters(IReadOnlyList<object?> values) => values is [string characters, ..] ? characters.ToCharArray() : null;

    private static List<object?> Split(string text, IReadOnlyList<object?> values, IReadOnlyDictionary<string, object?> named)
    {
        var most = values.Count > 1 ? values[1] : named.GetValueOrDefault("maxsplit");
        var count = most is long limit and >= 0 ? (int)limit + 1 : int.MaxValue;
        var parts = values is [string separator, ..]
            ? text.Split(separator, count)
            : text.Split((char[]?)null, count, StringSplitOptions.RemoveEmptyEntries);
        return [.. parts];
    }
}
