using Align.Data;
using Align.Model;
using Align.Tokenizers;
using static TorchSharp.torch;

namespace Align.Reinforcement;

/// <summary>
/// Pairs made from a model's own responses, as in the controlled-sentiment experiment of the DPO paper (Rafailov et al. 2023, section 6): of each prompt several
/// responses, of which a reward prefers one. Such preferences are synthetic.
/// </summary>
internal static class SampledPairs
{
    /// <summary>The best and the worst response of each prompt, where the reward tells them apart.</summary>
    /// <param name="model">Whose responses they are.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="prompts">The prompts.</param>
    /// <param name="reward">What prefers.</param>
    /// <param name="responses">How many responses a prompt.</param>
    /// <param name="options">How they are drawn.</param>
    /// <param name="generator">Where chance comes from.</param>
    /// <param name="batchSize">Prompts at once.</param>
    public static IReadOnlyList<EncodedPair> Of(
        Llama model,
        ITokenizer tokenizer,
        IReadOnlyList<int[]> prompts,
        IReward reward,
        int responses,
        SamplingOptions options,
        Generator generator,
        int batchSize = 128)
    {
        var pairs = new List<EncodedPair>();
        foreach (var part in prompts.Chunk(Math.Max(1, batchSize / responses)))
        {
            var drawn = Rollout.Of(model, tokenizer, [.. part.SelectMany(p => Enumerable.Repeat(p, responses))], options, generator);
            var rewards = reward.Of(drawn);
            for (var first = 0; first < drawn.Count; first += responses)
            {
                var order = Enumerable.Range(first, responses).OrderBy(r => rewards[r]).ToArray();
                if (rewards[order[^1]] > rewards[order[0]])
                    pairs.Add(new EncodedPair(drawn[first].Prompt, drawn[order[^1]].Tokens, drawn[order[0]].Tokens));
            }
        }

        return pairs;
    }
}
