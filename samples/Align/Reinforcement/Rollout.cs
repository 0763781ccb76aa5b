using Align.Data;
using Align.Model;
using Align.Tokenizers;
using Align.Training;
using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Align.Reinforcement;

/// <summary>Responses sampled from a policy.</summary>
internal static class Rollout
{
    /// <summary>Samples a response to each prompt.</summary>
    public static IReadOnlyList<Response> Of(Llama policy, ITokenizer tokenizer, IReadOnlyList<int[]> prompts, SamplingOptions options, Generator generator, (Llama Model, double Share)? mixed = null)
    {
        using var scope = NewDisposeScope();
        var (ids, lengths) = Sampler.Generate(policy, prompts, options, generator, mixed);
        var tokens = ids.cpu().data<long>().ToArray();
        var counts = lengths.cpu().data<long>().ToArray();
        var width = (int)ids.shape[1];
        return [.. prompts.Select((prompt, row) =>
        {
            int[] response = [.. tokens.AsSpan(row * width + prompt.Length, (int)counts[row] - prompt.Length).ToArray().Select(t => (int)t)];
            return new Response(prompt, response, tokenizer.Decode(prompt), tokenizer.Decode(response, continues: true));
        })];
    }

    /// <summary>Reports the mean of rewards, and how far they lie apart.</summary>
    public static void Report(double[] rewards, Averages metrics)
    {
        var mean = rewards.Average();
        metrics.Add("reward", mean);
        metrics.Add("reward_std", Math.Sqrt(rewards.Average(r => (r - mean) * (r - mean))));
    }

    /// <summary>Reports the reward of responses to held-out prompts, and the divergence from the reference there; chance is the same each time.</summary>
    public static void Evaluate(Llama policy, Llama reference, ITokenizer tokenizer, IReadOnlyList<int[]> prompts, IReward reward, PolicySettings settings, int seed, Averages metrics)
    {
        if (prompts.Count == 0)
            return;
        using var generator = new Generator((ulong)seed + 2, policy.Device);
        var samples = Of(policy, tokenizer, prompts, settings.Sampling, generator);
        metrics.Add("reward", reward.Of(samples).Average());
        metrics.Add("kl", Kl(policy, reference, samples, settings.BatchSize).Mean);
    }

    /// <summary>
    /// The divergence of a policy from a reference on the policy's own responses, in nats a response: the mean of the log-ratios (k1, which is unbiased), with
    /// its standard error.
    /// </summary>
    public static (double Mean, double StandardError) Kl(Llama policy, Llama reference, IReadOnlyList<Response> responses, int batchSize)
    {
        using var none = no_grad();
        var ratios = new List<double>();
        foreach (var part in responses.Where(r => r.Tokens.Length > 0).Chunk(batchSize))
        {
            using var scope = NewDisposeScope();
            using var batch = PairBatch.Of([.. part.Select(r => (r.Prompt, r.Tokens))], device: policy.Device);
            var own = Tokens.Fused.Score(LowerPrecision.Raised(policy.forward(batch.Tokens)), batch.Labels, batch.IsCompletion);
            var other = Tokens.Fused.Score(LowerPrecision.Raised(reference.forward(batch.Tokens)), batch.Labels, batch.IsCompletion);
            ratios.AddRange((own - other).to(ScalarType.Float64).cpu().data<double>());
        }

        if (ratios.Count == 0)
            return (0, 0);
        var mean = ratios.Average();
        var variance = ratios.Sum(r => (r - mean) * (r - mean)) / Math.Max(1, ratios.Count - 1);
        return (mean, Math.Sqrt(variance / ratios.Count));
    }
}
