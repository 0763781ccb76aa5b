namespace Align.Tokenizers;

/// <summary>What sets one tokenizer of the first Llamas apart from another.</summary>
/// <param name="Pieces">What each id stands for.</param>
/// <param name="Merges">Which neighbours become one.</param>
/// <param name="Added">The tokens that are marks.</param>
/// <param name="Space">How pieces write a space: a space, or U+2581.</param>
/// <param name="Prefix">Where a text begins with a space that is not written.</param>
internal sealed record PieceRules(IReadOnlyList<string> Pieces, PairMerges Merges, AddedTokens Added, char Space, SpacePrefix Prefix)
{
    /// <summary>The id of what has neither a piece nor bytes.</summary>
    public int? Unknown { get; init; }

    /// <summary>Whether unknown characters in a row are one token.</summary>
    public bool FusesUnknown { get; init; }

    /// <summary>Whether characters without a piece become bytes.</summary>
    public bool HasBytes { get; init; } = true;

    /// <summary>Whether no piece goes over the beginning of a word.</summary>
    public bool SplitsWords { get; init; }

    /// <summary>Whether a text, or a word of one that is split, that is a piece is not merged from its characters.</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>The token that begins a text.</summary>
    public int? Beginning { get; init; }

    /// <summary>The token that ends a text.</summary>
    public int? End { get; init; }
}
