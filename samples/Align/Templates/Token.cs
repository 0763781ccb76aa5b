namespace Align.Templates;

/// <summary>What a template consists of.</summary>
internal enum TokenKind
{
    /// <summary>Text that is written as it stands.</summary>
    Text,

    /// <summary>The beginning of an expression that is written, <c>{{</c>.</summary>
    OutputBegin,

    /// <summary>Its end.</summary>
    OutputEnd,

    /// <summary>The beginning of a statement, <c>{%</c>.</summary>
    BlockBegin,

    /// <summary>Its end.</summary>
    BlockEnd,

    /// <summary>A name or a keyword.</summary>
    Name,

    /// <summary>A text in quotes; <see cref="Token.Text"/> is what it means.</summary>
    String,

    /// <summary>A number.</summary>
    Number,

    /// <summary>An operator or a bracket.</summary>
    Operator,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>A part of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text.</param>
/// <param name="Line">The line on which it begins, from 1.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int Line);
