namespace Align.Reinforcement;

/// <summary>A response of a policy.</summary>
/// <param name="Prompt">The prompt's tokens.</param>
/// <param name="Tokens">The response's, with the end of text if it came to it.</param>
/// <param name="PromptText">The prompt as text.</param>
/// <param name="Text">The response as text.</param>
internal sealed record Response(int[] Prompt, int[] Tokens, string PromptText, string Text);

/// <summary>Says how good responses are.</summary>
internal interface IReward
{
    /// <summary>What it rewards, in a few words.</summary>
    string Name { get; }

    /// <summary>The reward of each response.</summary>
    double[] Of(IReadOnlyList<Response> responses);
}

/// <summary>A reward that looks at the text alone.</summary>
internal sealed class TextReward(string name, Func<string, double> reward) : IReward
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public double[] Of(IReadOnlyList<Response> responses) => [.. responses.Select(r => reward(r.Text))];
}
