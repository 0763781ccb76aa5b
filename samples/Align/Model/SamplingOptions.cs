namespace Align.Model;

/// <summary>How the next token is drawn.</summary>
public sealed record SamplingOptions
{
    /// <summary>What logits are divided by; 0 takes the most likely token.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draws from this many of the most likely tokens; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>Draws from the fewest most likely tokens that have this much of the probability together (Holtzman et al. 2020); 1 for all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>How many tokens follow a prompt at most.</summary>
    public required int MaximumTokens { get; init; }
}
