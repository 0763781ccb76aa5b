using System.Text;
using System.Text.RegularExpressions;

namespace Align.Templates;

/// <summary>
/// Cuts a template into tokens, with the settings of transformers: a line break after a statement is dropped (trim_blocks), and so are spaces before a
/// statement that begins a line (lstrip_blocks).
/// </summary>
internal sealed partial class Lexer
{
    private readonly string source;
    private readonly List<Token> tokens = [];
    private int at;
    private int line = 1;

    // What the tag before says of the text that follows it.
    private bool dropsSpace;
    private bool dropsLineBreak;

    private Lexer(string source) => this.source = source;

    /// <summary>The tokens of a template.</summary>
    public static IReadOnlyList<Token> Tokens(string source)
    {
        var text = source.ReplaceLineEndings("\n");
        var lexer = new Lexer(text.EndsWith('\n') ? text[..^1] : text);
        lexer.Run();
        return lexer.tokens;
    }

    private void Run()
    {
        while (at < source.Length)
        {
            var tag = Tag().Match(source, at);
            var end = tag.Success ? tag.Index : source.Length;
            Text(source[at..end], tag);
            Advance(end);
            if (!tag.Success)
                break;
            var isOutput = tag.Value[1] == '{';
            var opened = line;
            Advance(end + tag.Length);
            if (tag.Value[1] == '#')
                Comment(opened);
            else
                Inside(isOutput, opened);
        }

        tokens.Add(new Token(TokenKind.End, "", line));
    }

    /// <summary>Text up to a tag, without what the tags around it drop.</summary>
    private void Text(string text, Match tag)
    {
        if (dropsSpace)
            text = text.TrimStart();
        else if (dropsLineBreak && text.StartsWith('\n'))
            text = text[1..];
        if (tag.Success && tag.Value.EndsWith('-'))
        {
            text = text.TrimEnd();
        }
        else if (tag.Success && tag.Value[1] != '{' && !tag.Value.EndsWith('+'))
        {
            var start = text.LastIndexOf('\n') + 1;
            // A line begins after a line break, at the beginning, or after a tag whose line break was dropped.
            var isLine = start > 0 || at == 0 || source[at - 1] == '\n' || (at < source.Length && source[at] == '\n');
            if (isLine && string.IsNullOrWhiteSpace(text[start..]))
                text = text[..start];
        }

        (dropsSpace, dropsLineBreak) = (false, false);
        if (text.Length > 0)
            tokens.Add(new Token(TokenKind.Text, text, line));
    }

    private void Comment(int opened)
    {
        var end = source.IndexOf("#}", at, StringComparison.Ordinal);
        if (end < 0)
            throw new TemplateException("a comment has no end", opened);
        (dropsSpace, dropsLineBreak) = (source[end - 1] == '-', true);
        Advance(end + 2);
    }

    private void Inside(bool isOutput, int opened)
    {
        tokens.Add(new Token(isOutput ? TokenKind.OutputBegin : TokenKind.BlockBegin, "", opened));
        var closing = isOutput ? "}}" : "%}";
        var depth = 0;
        while (true)
        {
            while (at < source.Length && char.IsWhiteSpace(source[at]))
                Advance(at + 1);
            if (at >= source.Length)
                throw new TemplateException($"{(isOutput ? "an expression" : "a statement")} has no end", opened);
            var rest = source.AsSpan(at);
            var sign = rest[0] is '-' or '+' && rest[1..].StartsWith(closing) ? 1 : 0;
            if (depth == 0 && rest[sign..].StartsWith(closing))
            {
                (dropsSpace, dropsLineBreak) = (sign == 1 && rest[0] == '-', !isOutput && sign == 0);
                Advance(at + sign + 2);
                tokens.Add(new Token(isOutput ? TokenKind.OutputEnd : TokenKind.BlockEnd, "", line));
                return;
            }

            var token = Piece().Match(source, at);
            if (!token.Success)
                throw new TemplateException($"\"{source[at]}\" is not understood here", line);
            depth += token.Value is "{" or "[" or "(" ? 1 : token.Value is "}" or "]" or ")" ? -1 : 0;
            tokens.Add(
                token.Groups["name"].Success ? new Token(TokenKind.Name, token.Value, line)
                : token.Groups["number"].Success ? new Token(TokenKind.Number, token.Value, line)
                : token.Groups["text"].Success ? new Token(TokenKind.String, Meant(token.Value[1..^1]), line)
                : new Token(TokenKind.Operator, token.Value, line));
            Advance(at + token.Length);
        }
    }

    private void Advance(int to)
    {
        line += source.AsSpan(at, to - at).Count('\n');
        at = to;
    }

    private static string Meant(string quoted)
    {
        if (!quoted.Contains('\\'))
            return quoted;
        var text = new StringBuilder();
        for (var i = 0; i < quoted.Length; i++)
        {
            if (quoted[i] != '\\' || i + 1 == quoted.Length)
            {
                text.Append(quoted[i]);
                continue;
            }

            i++;
            if (quoted[i] == 'u' && i + 4 < quoted.Length && ushort.TryParse(quoted.AsSpan(i + 1, 4), System.Globalization.NumberStyles.HexNumber, null, out var unit))
            {
                text.Append((char)unit);
                i += 4;
                continue;
            }

            text.Append(quoted[i] switch
            {
                'n' => "\n",
                't' => "\t",
                'r' => "\r",
                '\\' or '\'' or '"' => quoted[i].ToString(),
                '\n' => "",
                var other => "\\" + other,
            });
        }

        return text.ToString();
    }

    [GeneratedRegex(@"\{[{%#][-+]?")]
    private static partial Regex Tag();

    [GeneratedRegex(
        """\G(?:(?<name>[\p{L}_][\p{L}\p{N}_]*)|(?<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|==|!=|>=|<=|//|\*\*|[-+*/%~<>()\[\]{}.,:|=])""",
        RegexOptions.Singleline)]
    private static partial Regex Piece();
}
