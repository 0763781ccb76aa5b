namespace Align.Tokenizers;

/// <summary>A token that is found in a text as it is written, before anything is split or merged.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">As it is written.</param>
/// <param name="IsSpecial">Whether it is a mark rather than text: decoding leaves it out.</param>
internal sealed record AddedToken(int Id, string Content, bool IsSpecial)
{
    /// <summary>Whether the spaces before it belong to it.</summary>
    public bool TakesSpaceBefore { get; init; }

    /// <summary>Whether the spaces after it belong to it.</summary>
    public bool TakesSpaceAfter { get; init; }
}
