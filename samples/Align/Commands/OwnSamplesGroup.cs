using System.CommandLine;
using Align.Data;
using Align.Model;
using Align.Reinforcement;
using Align.Reporting;
using Align.Tokenizers;
using Align.Training;
using static TorchSharp.torch;

namespace Align.Commands;

/// <summary>The options of making preferences from a model's own samples, by the sentiment of a lexicon.</summary>
internal sealed class OwnSamplesGroup
{
    private readonly Option<string?> lexicon = new("--lexicon") { Description = "Words with a valence, as VADER's lexicon has them: what is sampled is judged by its sentiment.", HelpName = "file" };
    private readonly Option<string?> prompts = new("--prompts") { Description = "Prompts to sample for, one a line; beginnings of the model's own texts by default.", HelpName = "file" };
    private readonly Option<int> count = Options.Count("--prompt-count", "How many beginnings of its own texts.", 400);
    private readonly Option<int> promptLength = Options.Count("--prompt-length", "Their length in tokens.", 12);
    private readonly Option<int> responses = Options.Count("--responses", "Samples a prompt; the most and the least positive one make a pair.", 4);
    private readonly Option<int> newTokens = Options.Count("--max-tokens", "The longest sample in tokens.", 48);

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[lexicon, prompts, count, promptLength, responses, newTokens])
            command.Options.Add(option);
    }

    /// <summary>Whether pairs are to be made so.</summary>
    public bool IsGiven(System.CommandLine.Parsing.CommandResult result) => result.GetValue(lexicon) is not null;

    /// <summary>Whether pairs are to be made so.</summary>
    public bool IsGiven(ParseResult result) => result.GetValue(lexicon) is not null;

    /// <summary>What was asked for, to be saved with the run.</summary>
    public object Settings(ParseResult result) => new
    {
        Lexicon = result.GetValue(lexicon),
        Prompts = result.GetValue(prompts),
        Count = result.GetValue(count),
        PromptLength = result.GetValue(promptLength),
        Responses = result.GetValue(responses),
        MaximumTokens = result.GetValue(newTokens),
    };

    /// <summary>How many samples are judged to make pairs.</summary>
    public int Judged(ParseResult result) =>
        Math.Max(2, result.GetValue(responses)) * (result.GetValue(prompts) is { } file ? File.ReadLines(file).Where(l => l.Length > 0).Distinct(StringComparer.Ordinal).Count() : result.GetValue(count));

    /// <summary>How samples are drawn.</summary>
    public SamplingOptions Sampling(ParseResult result) => new() { MaximumTokens = result.GetValue(newTokens) };

    /// <summary>The sentiment as a reward.</summary>
    public IReward Reward(ParseResult result)
    {
        var words = Reinforcement.Lexicon.Read(result.GetValue(lexicon)!);
        return new TextReward("sentiment", words.Sentiment);
    }

    /// <summary>The prompts, those to learn from and those held out.</summary>
    public (IReadOnlyList<int[]> Train, IReadOnlyList<int[]> HeldOut) Prompts(ParseResult result, Llama model, ITokenizer tokenizer, double heldOut, int seed)
    {
        using var generator = new Generator((ulong)seed, model.Device);
        var all = result.GetValue(prompts) is { } file
            ? Reinforcement.Prompts.Read(file, tokenizer)
            : Reinforcement.Prompts.Own(model, tokenizer, result.GetValue(count), result.GetValue(promptLength), generator);
        var (train, test) = PromptSplit.Of(all, p => string.Join(' ', p), heldOut, seed);
        return (train, test);
    }

    /// <summary>Pairs of the model's own samples.</summary>
    public (IReadOnlyList<EncodedPair> Train, IReadOnlyList<EncodedPair> HeldOut) Pairs(Page page, ParseResult result, Llama model, ITokenizer tokenizer, double heldOut, int seed)
    {
        var reward = Reward(result);
        var (train, test) = Prompts(result, model, tokenizer, heldOut, seed);
        using var generator = new Generator((ulong)seed + 1, model.Device);
        var pairs = Of(train);
        var heldOutPairs = test.Count > 0 ? Of(test) : [];
        page.Line($"Synthetic preferences: {pairs.Count} pairs of the model's own samples to learn from, {heldOutPairs.Count} held out with prompts of their own; the more positive one is preferred.");
        return (pairs, heldOutPairs);

        IReadOnlyList<EncodedPair> Of(IReadOnlyList<int[]> some) =>
            SampledPairs.Of(model, tokenizer, some, reward, Math.Max(2, result.GetValue(responses)), Sampling(result), generator);
    }

    /// <summary>The first held-out prompts, each as often as it is to be sampled for.</summary>
    public static IReadOnlyList<int[]> Watched(IReadOnlyList<int[]> heldOut, int samples) => [.. heldOut.Take(64).SelectMany(p => Enumerable.Repeat(p, samples))];

    /// <summary>What is looked at on held-out prompts besides the pairs: the sentiment of samples, and the divergence from the reference.</summary>
    public Action<Llama, Averages>? Watch(ParseResult result, ITokenizer tokenizer, IReadOnlyList<int[]> heldOut, Llama reference, int seed, int samples = 1)
    {
        if (!IsGiven(result) || heldOut.Count == 0)
            return null;
        var reward = Reward(result);
        var some = Watched(heldOut, samples);
        return (policy, metrics) =>
        {
            using var generator = new Generator((ulong)seed + 2, policy.Device);
            var samples = Rollout.Of(policy, tokenizer, some, Sampling(result), generator);
            metrics.Add("sentiment", reward.Of(samples).Average());
            metrics.Add("kl", Rollout.Kl(policy, reference, samples, 32).Mean);
        };
    }
}
