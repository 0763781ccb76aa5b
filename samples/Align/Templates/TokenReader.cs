namespace Align.Templates;

/// <summary>The tokens of a template, one after the other.</summary>
internal sealed class TokenReader(IReadOnlyList<Token> tokens)
{
    private int at;

    /// <summary>The token that comes.</summary>
    public Token Current => tokens[at];

    /// <summary>The one after it.</summary>
    public Token Next => tokens[Math.Min(at + 1, tokens.Count - 1)];

    /// <summary>Goes on.</summary>
    public Token Take() => at < tokens.Count - 1 ? tokens[at++] : tokens[at];

    /// <summary>Whether an operator or a keyword comes.</summary>
    public bool IsAt(string text) => Current.Kind is TokenKind.Operator or TokenKind.Name && Current.Text == text;

    /// <summary>Takes an operator or a keyword if it comes.</summary>
    public bool Takes(string text)
    {
        if (!IsAt(text))
            return false;
        at++;
        return true;
    }

    /// <summary>Takes an operator or a keyword that must come.</summary>
    public void Expect(string text)
    {
        if (!Takes(text))
            throw new TemplateException($"\"{text}\" is expected, not {(Current.Text == "" ? "an end" : $"\"{Current.Text}\"")}", Current.Line);
    }

    /// <summary>Takes a name that must come.</summary>
    public string Name() => Current.Kind == TokenKind.Name ? Take().Text : throw new TemplateException($"a name is expected, not \"{Current.Text}\"", Current.Line);

    /// <summary>Takes a token of a kind that must come.</summary>
    public void Expect(TokenKind kind)
    {
        if (Take() is var token && token.Kind != kind)
            throw new TemplateException($"\"{token.Text}\" is not expected here", token.Line);
    }
}
