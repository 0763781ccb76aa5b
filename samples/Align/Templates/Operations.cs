using System.Collections;

namespace Align.Templates;

/// <summary>Operators, and what belongs to values.</summary>
internal static class Operations
{
    /// <summary>An operator between two values.</summary>
    public static object Binary(string sign, object? left, object? right, int line)
    {
        if (sign == "~")
            return Values.Text(left) + Values.Text(right);
        if (sign == "+" && left is string a && right is string b)
            return a + b;
        if (sign == "+" && left is IList first and not IDictionary && right is IList second)
            return first.Cast<object?>().Concat(second.Cast<object?>()).ToList();
        if (sign == "*" && left is string text && right is long times)
            return string.Concat(Enumerable.Repeat(text, (int)Math.Max(0, times)));
        if (sign == "%" && left is string format && format.Contains("%s", StringComparison.Ordinal))
            return format.Replace("%s", Values.Text(right), StringComparison.Ordinal);
        if (!Values.IsNumber(left) || !Values.IsNumber(right))
            throw new TemplateException($"{Kind(left)} {sign} {Kind(right)} has no meaning", line);
        if (left is not double && right is not double && sign != "/" && !(sign == "**" && Values.Number(right) < 0))
        {
            var (x, y) = ((long)Values.Number(left), (long)Values.Number(right));
            if (y == 0 && sign is "//" or "%" && y == 0)
                throw new TemplateException("a division by 0", line);
            return sign switch
            {
                "+" => x + y,
                "-" => x - y,
                "*" => x * y,
                "//" => (long)Math.Floor((double)x / y),
                "%" => x - (y * (long)Math.Floor((double)x / y)),
                _ => (long)Math.Pow(x, y),
            };
        }

        var (u, v) = (Values.Number(left), Values.Number(right));
        return sign switch
        {
            "+" => u + v,
            "-" => u - v,
            "*" => u * v,
            "/" when v == 0 => throw new TemplateException("a division by 0", line),
            "/" => u / v,
            "//" => Math.Floor(u / v),
            "%" => u - (v * Math.Floor(u / v)),
            _ => Math.Pow(u, v),
        };
    }

    /// <summary>Whether a comparison holds.</summary>
    public static bool Compares(string sign, object? left, object? right, int line)
    {
        switch (sign)
        {
            case "==":
                return Values.AreEqual(left, right);
            case "!=":
                return !Values.AreEqual(left, right);
            case "in" or "notin":
                var isIn = (left, right) switch
                {
                    (string part, string whole) => whole.Contains(part, StringComparison.Ordinal),
                    (_, IDictionary<string, object?> mapping) => left is string key && mapping.ContainsKey(key),
                    _ => (Values.Items(right) ?? throw new TemplateException($"nothing is in {Kind(right)}", line)).Any(i => Values.AreEqual(i, left)),
                };
                return isIn == (sign == "in");
        }

        var order = Values.Compare(left, right) ?? throw new TemplateException($"{Kind(left)} {sign} {Kind(right)} has no meaning", line);
        return sign switch
        {
            "<" => order < 0,
            ">" => order > 0,
            "<=" => order <= 0,
            _ => order >= 0,
        };
    }

    /// <summary>What a dot leads to: an entry of a mapping, or a method.</summary>
    public static object? Attribute(object? value, string name, int line)
    {
        if (value is Undefined missing)
            throw new TemplateException($"{missing.What} is not there, so it has no {name}", line);
        return Methods.Of(value, name, line) is { } method ? method : Item(value, name, line);
    }

    /// <summary>What brackets lead to.</summary>
    public static object? Item(object? value, object? key, int line)
    {
        switch (value)
        {
            case Undefined missing:
                throw new TemplateException($"{missing.What} is not there, so it has no {Values.Text(key)}", line);
            case IDictionary<string, object?> mapping:
                return key is string name && mapping.TryGetValue(name, out var entry) ? entry
                    : key is string method && Methods.Of(value, method, line) is { } own ? own
                    : new Undefined(Values.Text(key));
            case string or IList when key is long or bool:
                var items = Values.Items(value)!;
                var index = (int)Values.Number(key);
                index = index < 0 ? index + items.Count : index;
                return index >= 0 && index < items.Count ? items[index] : new Undefined($"item {Values.Text(key)}");
            default:
                return new Undefined(Values.Text(key));
        }
    }

    /// <summary>A slice, as Python takes it.</summary>
    public static object? Slice(object? value, object? start, object? end, object? step, int line)
    {
        var items = value is IDictionary<string, object?> ? null : Values.Items(value);
        if (items is null || value is Undefined)
            throw new TemplateException($"{Kind(value)} has no slices", line);
        var by = step is null ? 1 : (int)Values.Number(step);
        if (by == 0)
            throw new TemplateException("a slice by 0", line);
        var count = items.Count;
        int Bound(object? bound, int otherwise) => bound is null ? otherwise : Math.Clamp((int)Values.Number(bound) is var given && given < 0 ? given + count : (int)Values.Number(bound), by > 0 ? 0 : -1, by > 0 ? count : count - 1);
        var (from, to) = by > 0 ? (Bound(start, 0), Bound(end, count)) : (Bound(start, count - 1), Bound(end, -1));
        var taken = new List<object?>();
        for (var i = from; by > 0 ? i < to : i > to; i += by)
            taken.Add(items[i]);
        return value is string ? string.Concat(taken) : taken;
    }

    /// <summary>A value's kind in words.</summary>
    public static string Kind(object? value) => value switch
    {
        null => "none",
        Undefined missing => $"{missing.What}, which is not there,",
        string => "a text",
        bool => "true or false",
        long or double => "a number",
        IDictionary<string, object?> => "a mapping",
        IList => "a list",
        _ => "a function",
    };
}
