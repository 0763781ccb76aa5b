using System.Globalization;

namespace Align.Templates;

/// <summary>What stands after a bar.</summary>
internal static class Filters
{
    private static readonly HashSet<string> Names =
    [
        "trim", "length", "count", "upper", "lower", "title", "capitalize", "join", "default", "d", "first", "last", "list", "string", "int", "float", "abs", "round", "tojson", "replace", "items",
        "safe", "reverse", "sort", "unique", "map", "select", "reject", "selectattr", "rejectattr", "indent", "sum", "min", "max", "dictsort",
    ];

    /// <summary>Whether a filter is known.</summary>
    public static bool Exist(string name) => Names.Contains(name);

    /// <summary>A value through a filter.</summary>
    public static object? Apply(string name, object? value, IReadOnlyList<object?> values, IReadOnlyDictionary<string, object?> named, int line)
    {
        return name switch
        {
            "trim" => values is [string characters, ..] ? Values.Text(value).Trim(characters.ToCharArray()) : Values.Text(value).Trim(),
            "length" or "count" => (long)Items().Count,
            "upper" => Values.Text(value).ToUpperInvariant(),
            "lower" => Values.Text(value).ToLowerInvariant(),
            "title" => CultureInfo.InvariantCulture.TextInfo.ToTitleCase(Values.Text(value).ToLowerInvariant()),
            "capitalize" => Methods.Capitalised(Values.Text(value)),
            "join" => string.Join(Values.Text(Argument(0, "d", "")), (Argument(1, "attribute", null) is string of ? Mapped(of) : Items()).Select(Values.Text)),
            "default" or "d" => value is Undefined || (Values.IsTrue(Argument(1, "boolean", false)) && !Values.IsTrue(value)) ? Argument(0, "default_value", "") : value,
            "first" => Items() is [var first, ..] ? first : new Undefined("the first of none"),
            "last" => Items() is [.., var last] ? last : new Undefined("the last of none"),
            "list" => Items().ToList(),
            "string" => Values.Text(value),
            "int" => value is string digits ? long.TryParse(digits, CultureInfo.InvariantCulture, out var whole) ? whole : Argument(0, "default", 0L) : Values.IsNumber(value) ? (long)Math.Truncate(Values.Number(value)) : 0L,
            "float" => value is string digits ? double.TryParse(digits, CultureInfo.InvariantCulture, out var number) ? number : 0.0 : Values.Number(value),
            "abs" => value is long count ? Math.Abs(count) : Math.Abs(Values.Number(value)),
            "round" => Math.Round(Values.Number(value), (int)Values.Number(Argument(0, "precision", 0L)), MidpointRounding.ToEven),
            "tojson" => Values.Json(value, Argument(0, "indent", null) is long width ? (int)width : null),
            "replace" => Values.Text(value).Replace(Values.Text(Argument(0, "old", "")), Values.Text(Argument(1, "new", "")), StringComparison.Ordinal),
            "items" => value is Undefined ? new List<object?>() : Methods.Of(value, "items", line)?.Invoke([], named) ?? throw Wrong(),
            "safe" => value,
            "reverse" => value is string text ? string.Concat(Values.Items(text)!.Reverse()) : Items().Reverse().ToList(),
            "sort" => Items().Order(Comparer<object?>.Create((a, b) => Values.Compare(a, b) ?? throw Wrong())).ToList(),
            "unique" => Items().Aggregate(new List<object?>(), (seen, item) => seen.Any(s => Values.AreEqual(s, item)) ? seen : [.. seen, item]),
            "map" => named.TryGetValue("attribute", out var attribute) ? Mapped(Values.Text(attribute)).ToList() : Items().Select(i => Apply(Values.Text(values[0]), i, [.. values.Skip(1)], named, line)).ToList(),
            "select" or "reject" => Items().Where(i => (values is [string test, ..] ? Tests.Holds(test, i, values.ElementAtOrDefault(1), line) : Values.IsTrue(i)) == (name == "select")).ToList(),
            "selectattr" or "rejectattr" => Items().Where(i => Operations.Item(i, values[0], line) is var own
                && (values is [_, string test, ..] ? Tests.Holds(test, own, values.ElementAtOrDefault(2), line) : Values.IsTrue(own)) == (name == "selectattr")).ToList(),
            "indent" => Indented(Values.Text(value), Argument(0, "width", 4L), Values.IsTrue(Argument(1, "first", false))),
            "sum" => Items().Aggregate((object?)0L, (sum, item) => Operations.Binary("+", sum, item, line)),
            "min" => Items().Aggregate((a, b) => Values.Compare(a, b) <= 0 ? a : b),
            "max" => Items().Aggregate((a, b) => Values.Compare(a, b) >= 0 ? a : b),
            "dictsort" => value is IDictionary<string, object?> mapping ? mapping.OrderBy(p => p.Key, StringComparer.OrdinalIgnoreCase).Select(p => (object?)new Tuple([p.Key, p.Value])).ToList() : throw Wrong(),
            _ => throw new TemplateException($"the filter {name} is not one of those that are known", line),
        };

        IReadOnlyList<object?> Items() => Values.Items(value) ?? throw Wrong();

        IEnumerable<object?> Mapped(string attribute) => Items().Select(i => Operations.Item(i, attribute, line));

        object? Argument(int place, string argument, object? otherwise) => place < values.Count ? values[place] : named.TryGetValue(argument, out var given) ? given : otherwise;

        TemplateException Wrong() => new($"the filter {name} does not take {Operations.Kind(value)}", line);
    }

    private static string Indented(string text, object? width, bool first)
    {
        var space = width as string ?? new string(' ', (int)Values.Number(width));
        var lines = text.Split('\n').Select((l, i) => (i == 0 && !first) || l.Length == 0 ? l : space + l);
        return string.Join('\n', lines);
    }
}
