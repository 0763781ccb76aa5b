using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Align.Templates;

/// <summary>A name or an attribute that is not there.</summary>
internal sealed class Undefined(string what)
{
    /// <summary>What is missing.</summary>
    public string What => what;
}

/// <summary>A list that is written in round brackets.</summary>
internal sealed class Tuple(IEnumerable<object?> items) : List<object?>(items);

/// <summary>Something that is called with values in order, and by name.</summary>
internal delegate object? Callable(IReadOnlyList<object?> values, IReadOnlyDictionary<string, object?> named);

/// <summary>
/// What values mean, as in Python: null is None, whole numbers are long, others double; lists are <see cref="IList"/>, and mappings
/// <see cref="IDictionary{String, Object}"/>.
/// </summary>
internal static class Values
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether a value counts as true.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        IDictionary<string, object?> mapping => mapping.Count > 0,
        IList list => list.Count > 0,
        _ => true,
    };

    /// <summary>Whether two values are equal.</summary>
    public static bool AreEqual(object? left, object? right) => (left, right) switch
    {
        (string a, string b) => a == b,
        (null, null) or (Undefined, Undefined) => true,
        (null or Undefined or string, _) or (_, null or Undefined or string) => false,
        (IDictionary<string, object?> a, IDictionary<string, object?> b) => a.Count == b.Count && a.All(p => b.TryGetValue(p.Key, out var other) && AreEqual(p.Value, other)),
        (IList a, IList b) => a.Count == b.Count && a.Cast<object?>().Zip(b.Cast<object?>()).All(p => AreEqual(p.First, p.Second)),
        _ when IsNumber(left) && IsNumber(right) => Number(left).Equals(Number(right)),
        _ => ReferenceEquals(left, right),
    };

    /// <summary>Orders two values; of different kinds there is no order.</summary>
    public static int? Compare(object? left, object? right) => (left, right) switch
    {
        (string a, string b) => string.CompareOrdinal(a, b),
        _ when IsNumber(left) && IsNumber(right) => Number(left).CompareTo(Number(right)),
        _ => null,
    };

    /// <summary>Whether a value is a number, as which true and false count.</summary>
    public static bool IsNumber(object? value) => value is long or double or bool;

    /// <summary>A number as one.</summary>
    public static double Number(object? value) => value is bool flag ? (flag ? 1 : 0) : Convert.ToDouble(value, CultureInfo.InvariantCulture);

    /// <summary>The items of a list, of a text, or the keys of a mapping; null of anything else.</summary>
    public static IReadOnlyList<object?>? Items(object? value) => value switch
    {
        Undefined => [],
        string text => [.. text.EnumerateRunes().Select(r => (object?)r.ToString())],
        IDictionary<string, object?> mapping => [.. mapping.Keys],
        IList list => [.. list.Cast<object?>()],
        _ => null,
    };

    /// <summary>A value as it is written.</summary>
    public static string Text(object? value) => value switch
    {
        string text => text,
        Undefined => "",
        _ => Representation(value),
    };

    /// <summary>A value as Python represents it.</summary>
    private static string Representation(object? value) => value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => number == Math.Floor(number) && Math.Abs(number) < 1e16 ? number.ToString("F1", CultureInfo.InvariantCulture) : number.ToString("R", CultureInfo.InvariantCulture),
        string text => text.Contains('\'') && !text.Contains('"') ? $"\"{Escaped(text)}\"" : $"'{Escaped(text).Replace("'", "\\'", StringComparison.Ordinal)}'",
        IDictionary<string, object?> mapping => "{" + string.Join(", ", mapping.Select(p => $"{Representation(p.Key)}: {Representation(p.Value)}")) + "}",
        Tuple tuple => "(" + string.Join(", ", tuple.Select(Representation)) + (tuple.Count == 1 ? ",)" : ")"),
        IList list => "[" + string.Join(", ", list.Cast<object?>().Select(Representation)) + "]",
        Undefined => "Undefined",
        _ => value.ToString()!,
    };

    private static string Escaped(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal);

    /// <summary>A value as JSON, spaced as Python does.</summary>
    public static string Json(object? value, int? indent)
    {
        var text = new StringBuilder();
        Write(text, value, indent, 0);
        return text.ToString();
    }

    private static void Write(StringBuilder text, object? value, int? indent, int depth)
    {
        switch (value)
        {
            case IDictionary<string, object?> mapping:
                Several(text, '{', '}', [.. mapping], indent, depth, pair =>
                {
                    text.Append(JsonSerializer.Serialize(pair.Key, Relaxed)).Append(": ");
                    Write(text, pair.Value, indent, depth + 1);
                });
                break;
            case IList list:
                Several(text, '[', ']', [.. list.Cast<object?>()], indent, depth, item => Write(text, item, indent, depth + 1));
                break;
            case string quoted:
                text.Append(JsonSerializer.Serialize(quoted, Relaxed));
                break;
            case null or Undefined:
                text.Append("null");
                break;
            case bool flag:
                text.Append(flag ? "true" : "false");
                break;
            default:
                text.Append(Representation(value));
                break;
        }
    }

    private static void Several<T>(StringBuilder text, char open, char close, IReadOnlyList<T> items, int? indent, int depth, Action<T> write)
    {
        text.Append(open);
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
                text.Append(indent is null ? ", " : ",");
            if (indent is { } width)
                text.Append('\n').Append(' ', width * (depth + 1));
            write(items[i]);
        }

        if (indent is { } outer && items.Count > 0)
            text.Append('\n').Append(' ', outer * depth);
        text.Append(close);
    }
}
