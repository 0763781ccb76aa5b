namespace Align.Data;

/// <summary>A prompt with two responses, of which one is preferred.</summary>
/// <param name="Prompt">What both answer.</param>
/// <param name="Chosen">The preferred response.</param>
/// <param name="Rejected">The other one.</param>
/// <param name="Place">Where the pair stands: file and line.</param>
internal sealed record PreferencePair(string Prompt, string Chosen, string Rejected, string Place)
{
    /// <summary>Whether neither is better.</summary>
    public bool IsTie { get; init; }

    /// <summary>By how much the preferred response is better, where the file says so.</summary>
    public double? Margin { get; init; }

    /// <summary>A third response, better than both, where the file has one.</summary>
    public string? Gold { get; init; }
}
