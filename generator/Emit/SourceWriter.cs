using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>The one way to write generated text: lines end with <c>\n</c>, blocks indent, and numbers do not know the culture.</summary>
public sealed class SourceWriter
{
    private const int Indent = 4;

    private readonly StringBuilder text = new();
    private int depth;

    /// <summary>An empty line.</summary>
    public SourceWriter Line()
    {
        text.Append('\n');
        return this;
    }

    /// <summary>One line, or the lines of a raw string, each at the current depth. Empty lines carry no blanks.</summary>
    public SourceWriter Line(string lines)
    {
        foreach (var line in lines.Replace("\r\n", "\n").Split('\n'))
        {
            if (line.Length > 0)
                text.Append(' ', depth * Indent).Append(line);
            text.Append('\n');
        }

        return this;
    }

    /// <summary>As <see cref="Line(string)"/>, with holes in invariant culture.</summary>
    public SourceWriter Line(InvariantText lines) => Line(lines.ToString());

    /// <summary>A comment of as many lines as its text has.</summary>
    public SourceWriter Comment(string comment) => Line("// " + comment.Replace("\r\n", "\n").Replace("\n", "\n// "));

    /// <summary>Braces around what is written until the scope is disposed.</summary>
    /// <example><code>using (writer.Block("for (var i = 0; i &lt; n; i++)")) writer.Line("sum += x[i];");</code></example>
    public Scope Block(string header, string close = "}")
    {
        if (header.Length > 0)
            Line(header);
        Line("{");
        depth++;
        return new Scope(this, close);
    }

    /// <summary>As <see cref="Block(string, string)"/>, with holes in invariant culture.</summary>
    public Scope Block(InvariantText header, string close = "}") => Block(header.ToString(), close);

    /// <summary>Braces without a header.</summary>
    public Scope Block() => Block("");

    /// <summary>Deeper lines without braces: the operands of a call, the arms of a switch.</summary>
    public Scope Indented()
    {
        depth++;
        return new Scope(this, null);
    }

    public override string ToString() => text.ToString();

    /// <summary>A name as C# takes it: keywords get an @.</summary>
    public static string Identifier(string name) => Keywords.Contains(name) ? "@" + name : name;

    /// <summary>A text as a C# string literal.</summary>
    public static string Quoted(string value)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in value)
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ when c < ' ' || c is '\u007f' or '\u0085' or '\u2028' or '\u2029' => "\\u" + ((int)c).ToString("x4", CultureInfo.InvariantCulture),
                _ => c.ToString(),
            });
        return quoted.Append('"').ToString();
    }

    private static readonly HashSet<string> Keywords = new(StringComparer.Ordinal)
    {
        "abstract", "as", "base", "bool", "break", "byte", "case", "catch", "char", "checked", "class", "const", "continue", "decimal",
        "default", "delegate", "do", "double", "else", "enum", "event", "explicit", "extern", "false", "finally", "fixed", "float", "for",
        "foreach", "goto", "if", "implicit", "in", "int", "interface", "internal", "is", "lock", "long", "namespace", "new", "null",
        "object", "operator", "out", "override", "params", "private", "protected", "public", "readonly", "ref", "return", "sbyte",
        "sealed", "short", "sizeof", "stackalloc", "static", "string", "struct", "switch", "this", "throw", "true", "try", "typeof",
        "uint", "ulong", "unchecked", "unsafe", "ushort", "using", "virtual", "void", "volatile", "while",
    };

    /// <summary>Ends a block when disposed.</summary>
    public readonly struct Scope : IDisposable
    {
        private readonly SourceWriter writer;
        private readonly string? close;

        internal Scope(SourceWriter writer, string? close) => (this.writer, this.close) = (writer, close);

        public void Dispose()
        {
            writer.depth--;
            if (close is not null)
                writer.Line(close);
        }
    }
}

/// <summary>An interpolated string whose holes are formatted in invariant culture; numbers of type double become C# literals.</summary>
[InterpolatedStringHandler]
public readonly ref struct InvariantText
{
    private readonly StringBuilder text;

    public InvariantText(int literalLength, int formattedCount) => text = new StringBuilder(literalLength + (formattedCount * 8));

    public void AppendLiteral(string value) => text.Append(value);

    public void AppendFormatted(string? value) => text.Append(value);

    public void AppendFormatted(double value) => text.Append(Literals.CSharp(value));

    public void AppendFormatted<T>(T value) =>
        text.Append(value is IFormattable formattable ? formattable.ToString(null, CultureInfo.InvariantCulture) : value?.ToString());

    public override string ToString() => text.ToString();

    /// <summary>The text of an interpolated string, in invariant culture.</summary>
    public static string Of(InvariantText text) => text.ToString();
}
