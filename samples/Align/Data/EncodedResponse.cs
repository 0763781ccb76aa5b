namespace Align.Data;

/// <summary>A judged response in tokens.</summary>
/// <param name="Prompt">The prompt's tokens.</param>
/// <param name="Response">The response's, with the end of text.</param>
/// <param name="IsDesirable">Whether it is good.</param>
/// <param name="Other">A response to another prompt, by which KTO estimates the divergence (Ethayarajh et al. 2024, section 4.1).</param>
internal sealed record EncodedResponse(int[] Prompt, int[] Response, bool IsDesirable, int[] Other)
{
    /// <summary>The tokens of the longer row.</summary>
    public int Length => Prompt.Length + Math.Max(Response.Length, Other.Length);

    /// <summary>Both responses of pairs, the preferred one as good and the other one as bad; ties say neither.</summary>
    public static IReadOnlyList<EncodedResponse> Of(IReadOnlyList<EncodedPair> pairs, int maximumLength) =>
        Of([.. pairs.Where(p => !p.IsTie).SelectMany(p => new[] { (p.Prompt, p.Chosen, true), (p.Prompt, p.Rejected, false) })], maximumLength);

    /// <summary>Responses, each with that of the next one whose prompt is another; the last ones with the first.</summary>
    public static IReadOnlyList<EncodedResponse> Of(IReadOnlyList<(int[] Prompt, int[] Response, bool IsDesirable)> responses, int maximumLength)
    {
        var count = responses.Count;
        return [.. responses.Select((r, i) =>
        {
            var next = Enumerable.Range(1, count).Select(step => (i + step) % count).FirstOrDefault(n => !responses[n].Prompt.SequenceEqual(r.Prompt), (i + 1) % count);
            var other = responses[next].Response;
            return new EncodedResponse(r.Prompt, r.Response, r.IsDesirable, other.Length > maximumLength - r.Prompt.Length ? other[..(maximumLength - r.Prompt.Length)] : other);
        })];
    }
}
