using System.Text;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>Names in one generated method: each once, none of C#'s keywords, none that the emitter itself uses.</summary>
internal sealed class SimdNames
{
    private readonly HashSet<string> used = new(StringComparer.Ordinal) { "frame", "begin", "end", "block", "count", "T", "V", "Run" };

    private readonly HashSet<string> loops = new(StringComparer.Ordinal);

    /// <summary>The wished name, or with a number if it is taken.</summary>
    public string Take(string wish)
    {
        var name = Sanitise(wish);
        for (var i = 2; !used.Add(name); i++)
            name = Sanitise(wish) + i.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return SourceWriter.Identifier(name);
    }

    /// <summary>A loop variable's name: the same again where no open loop has it.</summary>
    public string TakeLoop(string wish, IEnumerable<string> open)
    {
        wish = Sanitise(wish.TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9') is { Length: > 0 } stem ? stem : wish);
        var name = SourceWriter.Identifier(wish);
        if (loops.Contains(name) && !open.Contains(name))
            return name;
        name = Take(wish);
        loops.Add(name);
        return name;
    }

    /// <summary>A name with its first letter in upper case, as the second part of another.</summary>
    public static string Capital(string name) => name.Length == 0 ? name : char.ToUpperInvariant(name[0]) + name.Substring(1);

    private static string Sanitise(string name)
    {
        var text = new StringBuilder();
        foreach (var c in name)
            text.Append(char.IsLetterOrDigit(c) || c == '_' ? c : '_');
        if (text.Length == 0 || char.IsDigit(text[0]))
            text.Insert(0, '_');
        return text.ToString();
    }
}
