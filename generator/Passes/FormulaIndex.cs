using System.Globalization;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// Index notation: every position of a tensor runs with an index named after its axis (<c>pair</c>, <c>item'</c> where the axis occurs
/// twice), or is a place: <c>token+1</c>, <c>winner</c>.
/// </summary>
internal static class FormulaIndex
{
    /// <summary>The index of a position of extent 1, never shown.</summary>
    public const string Single = "0";

    /// <summary>The indices under which a tensor is shown without brackets.</summary>
    public static string[] Of(TensorType type) => Fresh(type.Extents, []);

    /// <summary>Names for positions that are not yet among <paramref name="taken"/>.</summary>
    public static string[] Fresh(IEnumerable<Extent> extents, IEnumerable<string> taken)
    {
        var used = new List<string>(taken);
        return extents.Select(extent =>
        {
            var name = extent.IsOne ? Single : extent.Terms.Count > 0 ? extent.Terms[0].Name : "i";
            while (name != Single && used.Any(u => Mentions(u, name)))
                name += "'";
            used.Add(name);
            return name;
        }).ToArray();
    }

    /// <summary><c>[pair item']</c>, or nothing where there is nothing to show.</summary>
    public static string Brackets(TensorType type, IReadOnlyList<string> indices)
    {
        var shown = indices.Where((_, i) => !type.Extents[i].IsOne).ToArray();
        return shown.Length == 0 ? "" : "[" + string.Join(", ", shown).Replace(", ", shown.Any(s => s.Contains(" ")) ? ", " : " ") + "]";
    }

    /// <summary>start + step * index.</summary>
    public static string Shifted(string index, Extent start, long step)
    {
        var scaled = step == 1 ? index : Number(step) + "*" + Enclosed(index);
        return start == Extent.Fixed(0) ? scaled : index == Single ? Size(start) : scaled + "+" + Size(start);
    }

    /// <summary>index - start.</summary>
    public static string Back(string index, Extent start) => start == Extent.Fixed(0) ? index : index + "-" + (start.IsFixed || IsName(start) ? Size(start) : $"({Size(start)})");

    /// <summary>The place from the other end; flipped twice it is the index again.</summary>
    public static string Flipped(string index, Extent extent)
    {
        var last = Size(extent - Extent.One) + "-";
        if (!index.StartsWith(last, StringComparison.Ordinal))
            return last + Enclosed(index);
        var inner = index.Substring(last.Length);
        return inner[0] == '(' && inner[inner.Length - 1] == ')' ? inner.Substring(1, inner.Length - 2) : Enclosed(inner) == inner ? inner : last + Enclosed(index);
    }

    /// <summary>A size: <c>|pair|</c>, <c>2*|pair|</c>, <c>|token|-1</c>.</summary>
    public static string Size(Extent extent)
    {
        var text = string.Concat(extent.Terms.Select((t, i) =>
            (t.Coefficient < 0 ? "-" : i == 0 ? "" : "+") + (Math.Abs(t.Coefficient) == 1 ? "" : Number(Math.Abs(t.Coefficient)) + "*") + $"|{t.Name}|"));
        return text.Length == 0 ? Number(extent.Constant)
            : extent.Constant == 0 ? text
            : text + (extent.Constant < 0 ? "-" : "+") + Number(Math.Abs(extent.Constant));
    }

    /// <summary>Whether an index expression refers to a name.</summary>
    public static bool Mentions(string index, string name)
    {
        for (var at = index.IndexOf(name, StringComparison.Ordinal); at >= 0; at = index.IndexOf(name, at + 1, StringComparison.Ordinal))
            if ((at == 0 || !IsPart(index[at - 1])) && (at + name.Length == index.Length || !IsPart(index[at + name.Length])))
                return true;
        return false;
    }

    private static bool IsPart(char c) => char.IsLetterOrDigit(c) || c is '_' or '\'' or '|';

    private static bool IsName(Extent extent) => extent.Constant == 0 && extent.Terms.Count == 1 && extent.Terms[0].Coefficient > 0;

    private static string Enclosed(string index) => index.IndexOfAny(['+', '-', '*']) < 0 ? index : "(" + index + ")";

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
