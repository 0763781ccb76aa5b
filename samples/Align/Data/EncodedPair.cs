namespace Align.Data;

/// <summary>A pair in tokens, cut to the length that the model reads: prompt plus either response.</summary>
/// <param name="Prompt">The prompt's tokens, the same before both responses.</param>
/// <param name="Chosen">The preferred response's, with the end of text.</param>
/// <param name="Rejected">The other one's.</param>
internal sealed record EncodedPair(int[] Prompt, int[] Chosen, int[] Rejected)
{
    /// <summary>Whether neither is better.</summary>
    public bool IsTie { get; init; }

    /// <summary>By how much the preferred response is better, where that is known.</summary>
    public double? Margin { get; init; }

    /// <summary>A third response, better than both, where there is one.</summary>
    public int[]? Gold { get; init; }

    /// <summary>The tokens of the longer row.</summary>
    public int Length => Prompt.Length + Math.Max(Chosen.Length, Rejected.Length);

    /// <summary>
    /// Cuts a pair to a length. The prompt loses tokens on its left, where they are the furthest from the response, but not its first one when that marks the
    /// beginning of text; it keeps at least half the length. What is too long then is a response, which loses its end.
    /// </summary>
    /// <param name="prompt">The prompt's tokens; at least one, which the first token of a response is predicted from.</param>
    /// <param name="chosen">The preferred response's.</param>
    /// <param name="rejected">The other one's.</param>
    /// <param name="maximumLength">The longest row.</param>
    /// <param name="beginning">The token that marks the beginning of text, if the model has one.</param>
    public static EncodedPair Fit(int[] prompt, int[] chosen, int[] rejected, int maximumLength, int? beginning)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumLength, 2);
        ArgumentOutOfRangeException.ThrowIfZero(prompt.Length);
        var room = Math.Max(maximumLength / 2, maximumLength - Math.Max(chosen.Length, rejected.Length));
        if (prompt.Length > room)
            prompt = prompt[0] == beginning && room > 1 ? [prompt[0], .. prompt[^(room - 1)..]] : prompt[^room..];
        var left = maximumLength - prompt.Length;
        return new EncodedPair(prompt, chosen.Length > left ? chosen[..left] : chosen, rejected.Length > left ? rejected[..left] : rejected);
    }
}
