using Align.Checkpoints;
using Align.Data;
using Align.Model;
using Align.Tokenizers;
using Align.Training;
using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Align.Reinforcement;

/// <summary>
/// Preference learning online: each step samples a response of the policy's to some prompts and one to compare it with, and the reward says which is better.
/// </summary>
internal sealed class ComparisonTask : ITrainingTask
{
    /// <summary>The reference's share in the mixture, as TRL has it.</summary>
    private const double MixtureShare = 0.5;

    private readonly Llama policy;
    private readonly Llama working;
    private readonly Llama reference;
    private readonly ITokenizer tokenizer;
    private readonly IReadOnlyList<int[]> train;
    private readonly IReadOnlyList<int[]> heldOut;
    private readonly IReward reward;
    private readonly PolicySettings settings;
    private readonly ComparisonObjective objective;
    private readonly int seed;

    /// <summary>A task whose reference is the policy as it is given.</summary>
    public ComparisonTask(Llama policy, ITokenizer tokenizer, IReadOnlyList<int[]> train, IReadOnlyList<int[]> heldOut, IReward reward, ComparisonObjective objective, PolicySettings settings, int seed)
    {
        this.policy = policy;
        this.tokenizer = tokenizer;
        this.train = train;
        this.heldOut = heldOut;
        this.reward = reward;
        this.settings = settings;
        this.objective = objective;
        this.seed = seed;
        working = LowerPrecision.Of(policy, settings.Precision ?? policy.DType);
        reference = working.Copy();
        Random = new Generator((ulong)seed, policy.Device);
    }

    /// <inheritdoc/>
    public nn.Module Module => policy;

    /// <inheritdoc/>
    public nn.Module Working => working;

    /// <inheritdoc/>
    public IReadOnlyList<int> Lengths => [.. train.Select(p => p.Length)];

    /// <inheritdoc/>
    public Generator Random { get; }

    /// <inheritdoc/>
    public bool StartsAtLn2 => false;

    /// <inheritdoc/>
    public void Step(IReadOnlyList<int> examples, Optimisation optimisation, Averages metrics)
    {
        int[][] prompts = [.. examples.Select(e => train[e])];
        var own = Rollout.Of(working, tokenizer, prompts, settings.Sampling, Random);
        var others = objective.Opponent switch
        {
            Opponent.Reference => Rollout.Of(reference, tokenizer, prompts, settings.Sampling, Random),
            Opponent.Mixture => Rollout.Of(working, tokenizer, prompts, settings.Sampling, Random, (reference, MixtureShare)),
            _ => Rollout.Of(working, tokenizer, prompts, settings.Sampling, Random),
        };
        var (rewards, otherRewards) = (reward.Of(own), reward.Of(others));
        optimisation.ZeroGrad();
        foreach (var part in Enumerable.Range(0, prompts.Length).Chunk(Math.Max(1, settings.BatchSize / 2)))
        {
            using var scope = NewDisposeScope();
            var share = (double)part.Length / prompts.Length;
            Optimisation.Backward(Loss(part, own, others, rewards, otherRewards, share, metrics), share);
        }

        Rollout.Report(rewards, metrics);
        metrics.Add("win_rate", rewards.Zip(otherRewards, (mine, its) => mine > its ? 1 : mine < its ? 0 : 0.5).Average());
        metrics.Add("completions/mean_length", own.Average(s => (double)s.Tokens.Length));
        metrics.Add("grad_norm", optimisation.Update());
    }

    /// <inheritdoc/>
    public void Evaluate(Averages metrics) => Rollout.Evaluate(working, reference, tokenizer, heldOut, reward, settings, seed, metrics);

    /// <inheritdoc/>
    public void Save(string folder) => Checkpoint.SaveHuggingFace(folder, policy, tokenizer);

    /// <inheritdoc/>
    public void Dispose()
    {
        reference.Dispose();
        Random.Dispose();
        if (!ReferenceEquals(working, policy))
            working.Dispose();
    }

    private Tensor Loss(int[] part, IReadOnlyList<Response> own, IReadOnlyList<Response> others, double[] rewards, double[] otherRewards, double share, Averages metrics)
    {
        bool[] isOwnBetter = [.. part.Select(i => rewards[i] >= otherRewards[i])];
        var first = part.Select((i, k) => objective.Rows == ComparisonRows.BetterFirst && !isOwnBetter[k] ? others[i] : own[i]);
        var second = part.Select((i, k) => objective.Rows == ComparisonRows.BetterFirst && !isOwnBetter[k] ? own[i] : others[i]);
        var rows = objective.Rows == ComparisonRows.Own ? first : first.Concat(second);
        using var batch = PairBatch.Of([.. rows.Select(r => (r.Prompt, r.Tokens))], device: policy.Device);
        // The chance of Bradley and Terry that the own response is preferred.
        double[] chance = [.. part.Select(i => 1 / (1 + Math.Exp(otherRewards[i] - rewards[i])))];
        Tensor its;
        using (no_grad())
            its = Tokens.Fused.Select(LowerPrecision.Raised(reference.forward(batch.Tokens)), batch.Labels, batch.IsCompletion).logProbability;
        var logits = LowerPrecision.Raised(working.forward(batch.Tokens));
        var result = objective.Loss(new ComparisonInputs(
            logits, batch.Labels, batch.IsCompletion, its, tensor(isOwnBetter, device: policy.Device), tensor(chance, dtype: its.dtype, device: policy.Device), settings.Beta));
        metrics.Add("loss", result.Loss.Number(), share);
        metrics.AddRewards(result.ChosenReward, result.RejectedReward, share);
        metrics.Count("num_tokens", batch.TokenCount);
        return result.Loss;
    }
}
