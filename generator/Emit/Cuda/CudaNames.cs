using System.Globalization;
using System.Text;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>Names in CUDA C: each once, none of the language's own words, of ASCII letters alone.</summary>
internal sealed class CudaNames
{
    private static readonly HashSet<string> Reserved = new(StringComparer.Ordinal)
    {
        "alignas", "alignof", "and", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "class", "compl", "const",
        "constexpr", "continue", "decltype", "default", "delete", "do", "double", "else", "enum", "explicit", "export", "extern", "false",
        "float", "for", "friend", "goto", "half", "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "nullptr",
        "operator", "or", "private", "protected", "public", "real", "register", "return", "short", "signed", "sizeof", "static", "struct",
        "switch", "template", "this", "throw", "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using", "virtual",
        "void", "volatile", "while", "xor", "NULL", "main",

        // Of the libraries that an emulation on the processor includes.
        "abs", "exp", "expm1", "log", "log1p", "log2", "sqrt", "pow", "tanh", "erf", "floor", "index", "y0", "y1", "yn", "j0", "j1", "jn", "gamma", "signal", "time", "unix", "linux",
    };

    private readonly HashSet<string> used;
    private readonly List<string> taken = [];

    public CudaNames(CudaNames? outer = null) => used = outer is null ? new(Reserved, StringComparer.Ordinal) : new(outer.used, StringComparer.Ordinal);

    /// <summary>The scope that is open: names taken from now on are free again after <see cref="Close"/>.</summary>
    public int Scope => taken.Count;

    public void Close(int scope)
    {
        foreach (var name in taken.Skip(scope))
            used.Remove(name);
        taken.RemoveRange(scope, taken.Count - scope);
    }

    /// <summary>A name that outlives the scope in which it was taken.</summary>
    public void Keep(string name)
    {
        taken.Remove(name);
        used.Add(name);
    }

    /// <summary>The wished name, or with a number if it is taken.</summary>
    public string Take(string wish)
    {
        var plain = Plain(wish);
        var name = plain;
        for (var i = 2; !used.Add(name); i++)
            name = plain + (char.IsDigit(plain[plain.Length - 1]) ? "_" : "") + i.ToString(CultureInfo.InvariantCulture);
        taken.Add(name);
        return name;
    }

    /// <summary>A name of ASCII letters, digits and single underscores that begins with a letter.</summary>
    public static string Plain(string name)
    {
        var text = new StringBuilder();
        foreach (var c in name)
        {
            if (c is (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') or (>= '0' and <= '9'))
                text.Append(c);
            else if (c < 128)
                text.Append(text.Length > 0 && text[text.Length - 1] == '_' ? "" : "_");
            else
                text.Append('u').Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
        }

        if (text.Length == 0 || !char.IsLetter(text[0]))
            text.Insert(0, text.Length > 0 && text[0] == '_' ? "x" : "x_");
        return text.ToString().StartsWith("dpo_", StringComparison.OrdinalIgnoreCase) || text.ToString().StartsWith("STORE_", StringComparison.Ordinal) ? "x_" + text : text.ToString();
    }
}
