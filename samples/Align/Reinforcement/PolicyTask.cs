using Align.Checkpoints;
using Align.Data;
using Align.Model;
using Align.Tokenizers;
using Align.Training;
using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Align.Reinforcement;

/// <summary>
/// Reinforcement learning, on policy: each step samples responses to some prompts, has them rewarded and learns from them, tied to the policy as it was at the
/// beginning. Groups of responses are compared with each other, as in GRPO; with PPO a critic says what was to be expected at each token.
/// </summary>
internal sealed class PolicyTask : ITrainingTask
{
    /// <summary>The scale of A*-PO's values, TRL's first beta.</summary>
    private const double ValueScale = 0.5;

    private readonly Llama policy;
    private readonly Llama working;
    private readonly Llama reference;
    private readonly ScalarHead? critic;
    private readonly ScalarHead? workingCritic;
    private readonly ITokenizer tokenizer;
    private readonly IReadOnlyList<int[]> train;
    private readonly IReadOnlyList<int[]> heldOut;
    private readonly IReward reward;
    private readonly PolicySettings settings;
    private readonly PolicyObjective? objective;
    private readonly int seed;

    /// <summary>A task whose reference is the policy as it is given.</summary>
    public PolicyTask(Llama policy, ITokenizer tokenizer, IReadOnlyList<int[]> train, IReadOnlyList<int[]> heldOut, IReward reward, PolicySettings settings, int seed)
    {
        this.policy = policy;
        this.tokenizer = tokenizer;
        this.train = train;
        this.heldOut = heldOut;
        this.reward = reward;
        this.settings = settings;
        this.seed = seed;
        objective = PolicyObjective.Named(settings.Objective);
        if (settings.BatchSize % settings.GroupSize != 0)
            throw new ArgumentException($"{settings.BatchSize} sequences a forward pass are no whole groups of {settings.GroupSize}.", nameof(settings));
        var precision = settings.Precision ?? policy.DType;
        critic = objective is null ? new ScalarHead(policy, null) : null;
        workingCritic = critic is null ? null : LowerPrecision.Of(critic, precision);
        working = workingCritic?.Body ?? LowerPrecision.Of(policy, precision);
        reference = working.Copy();
        Random = new Generator((ulong)seed, policy.Device);
    }

    /// <inheritdoc/>
    public nn.Module Module => (nn.Module?)critic ?? policy;

    /// <inheritdoc/>
    public nn.Module Working => (nn.Module?)workingCritic ?? working;

    /// <inheritdoc/>
    public IReadOnlyList<int> Lengths => [.. train.Select(p => p.Length)];

    /// <inheritdoc/>
    public Generator Random { get; }

    /// <inheritdoc/>
    public bool StartsAtLn2 => false;

    /// <inheritdoc/>
    public void Step(IReadOnlyList<int> examples, Optimisation optimisation, Averages metrics)
    {
        var samples = Rollout.Of(working, tokenizer, [.. examples.SelectMany(e => Enumerable.Repeat(train[e], settings.GroupSize))], settings.Sampling, Random);
        var rewards = reward.Of(samples);
        var parts = samples.Chunk(settings.BatchSize).Select(Seen).ToArray();
        try
        {
            Judge(parts, rewards);
            if (objective is { NeedsValue: true })
                Value(parts, [.. examples.Select(e => train[e])]);
            for (var pass = 0; pass < settings.Reuse; pass++)
                metrics.Add("grad_norm", Learn(parts, optimisation, metrics));
            Report(samples, rewards, parts, metrics);
        }
        finally
        {
            foreach (var part in parts)
                part.Dispose();
        }
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
        if (ReferenceEquals(working, policy))
            return;
        working.Dispose();
        workingCritic?.Dispose();
    }

    /// <summary>Samples as tensors, with what the policy that drew them and the reference say of them.</summary>
    private PolicyBatch Seen(Response[] samples)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var batch = PairBatch.Of([.. samples.Select(s => (s.Prompt, s.Tokens))], device: policy.Device);
        var hidden = working.Hidden(batch.Tokens);
        var old = Tokens.Fused.Select(LowerPrecision.Raised(working.Head(hidden)), batch.Labels, batch.IsCompletion, Temperature).logProbability;
        var its = Tokens.Fused.Select(LowerPrecision.Raised(reference.forward(batch.Tokens)), batch.Labels, batch.IsCompletion, Temperature).logProbability;
        return new PolicyBatch(batch, old.DetachFromDisposeScope(), its.DetachFromDisposeScope(), workingCritic is null ? null : LowerPrecision.Raised(workingCritic.Of(hidden)).DetachFromDisposeScope()) { Samples = samples };
    }

    /// <summary>Advantages: of sequences by comparing a group, or of tokens by the critic.</summary>
    private void Judge(PolicyBatch[] parts, double[] rewards)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var kl = parts.SelectMany(p => p.Kl()).ToArray();
        if (objective is not null)
        {
            var net = objective.IsKlInLoss ? rewards : [.. rewards.Zip(kl, (r, k) => r - (settings.Beta * k))];
            var rewardOf = tensor(net, dtype: policy.DType, device: policy.Device);
            var groups = tensor(net, [net.Length / settings.GroupSize, settings.GroupSize]);
            var advantages = PolicyGradient.GroupNormalised(groups, objective.ScalesRewards).flatten().to(policy.DType).to(policy.Device);
            var row = 0L;
            foreach (var part in parts)
            {
                part.Advantage = advantages.slice(0, row, row + part.Samples.Count, 1).clone().DetachFromDisposeScope();
                part.Reward = rewardOf.slice(0, row, row + part.Samples.Count, 1).clone().DetachFromDisposeScope();
                row += part.Samples.Count;
            }

            return;
        }

        var first = 0;
        foreach (var part in parts)
        {
            // Each token pays for its divergence; the reward comes with the last one (Ziegler et al. 2019).
            using var beta = tensor(-settings.Beta, dtype: policy.DType, device: policy.Device);
            var paid = (part.Old - part.Reference) * beta;
            var ends = zeros_like(paid);
            for (var row = 0; row < part.Samples.Count; row++)
            {
                if (part.Samples[row].Tokens.Length > 0)
                    ends[row, part.Samples[row].Prompt.Length + part.Samples[row].Tokens.Length - 2] = tensor(rewards[first + row], dtype: policy.DType, device: policy.Device);
            }

            first += part.Samples.Count;
            var (advantage, returns) = Advantages.Gae(paid + ends, part.Value!, part.Batch.IsCompletion, 1, settings.Lambda);
            part.Advantage = advantage.DetachFromDisposeScope();
            part.Returns = returns.DetachFromDisposeScope();
        }

        Whiten(parts);
    }

    /// <summary>The optimal value of each prompt, <c>b log mean exp(reward / b)</c> over samples of the reference (Brantley et al. 2025, eq. 4).</summary>
    private void Value(PolicyBatch[] parts, int[][] prompts)
    {
        var samples = Rollout.Of(reference, tokenizer, [.. prompts.SelectMany(p => Enumerable.Repeat(p, settings.GroupSize))], settings.Sampling, Random);
        var values = reward.Of(samples).Chunk(settings.GroupSize).Select(group => ValueScale * Math.Log(group.Average(r => Math.Exp(r / ValueScale)))).ToArray();
        var first = 0;
        foreach (var part in parts)
        {
            part.Optimum = tensor(Enumerable.Range(first, part.Samples.Count).Select(row => values[row / settings.GroupSize]).ToArray(), dtype: policy.DType, device: policy.Device);
            first += part.Samples.Count;
        }
    }

    /// <summary>Advantages of tokens get mean 0 and deviation 1 over the whole batch, as PPO's implementations have it.</summary>
    private static void Whiten(PolicyBatch[] parts)
    {
        var values = parts.SelectMany(p => p.Advantage!.masked_select(p.Batch.IsCompletion).to(ScalarType.Float64).cpu().data<double>()).ToArray();
        var mean = values.Average();
        var deviation = Math.Sqrt(values.Average(v => (v - mean) * (v - mean))) + 1e-8;
        foreach (var part in parts)
        {
            using var scope = NewDisposeScope();
            var centre = tensor(mean, dtype: part.Old.dtype, device: part.Old.device);
            var scale = tensor(deviation, dtype: part.Old.dtype, device: part.Old.device);
            part.Advantage!.sub_(centre).div_(scale);
        }
    }

    private double Learn(PolicyBatch[] parts, Optimisation optimisation, Averages metrics)
    {
        optimisation.ZeroGrad();
        var tokens = parts.Sum(p => p.Batch.CompletionCount);
        var sequences = parts.Sum(p => p.Samples.Count);
        using var normaliser = tensor((double)tokens, device: policy.Device);
        foreach (var part in parts)
        {
            using var scope = NewDisposeScope();
            var hidden = working.Hidden(part.Batch.Tokens);
            var logs = Tokens.Fused.Select(LowerPrecision.Raised(working.Head(hidden)), part.Batch.Labels, part.Batch.IsCompletion, Temperature).logProbability;
            Tensor loss;
            if (objective is not null)
            {
                var (own, clipped) = objective.Loss(new PolicyInputs(logs, part.Old, part.Reference, part.Advantage!, part.Batch.IsCompletion, settings.Beta, objective.IsTokenMean ? normaliser : null)
                {
                    Reward = part.Reward!,
                    Value = part.Optimum,
                    GroupSize = settings.GroupSize,
                });
                using var share = tensor(objective.IsTokenMean ? 1.0 : (double)part.Samples.Count / sequences, dtype: own.dtype, device: own.device);
                loss = own * share;
                if (clipped is not null)
                    metrics.Add("clip_ratio/region_mean", clipped.Number(), part.Batch.CompletionCount);
            }
            else
            {
                var r = TokenPolicyGradient.Fused.PpoWithValue(logs, part.Old, part.Advantage!, LowerPrecision.Raised(workingCritic!.Of(hidden)), part.Value!, part.Returns!, part.Batch.IsCompletion, normaliser, valueWeight: settings.ValueWeight);
                loss = r.loss;
                metrics.Add("policy/clipfrac_avg", r.policyClipShare.Number(), part.Batch.CompletionCount);
                metrics.Add("loss/value_avg", r.valueLoss.Number() * parts.Length);
                metrics.Add("policy/approxkl_avg", r.approximateKl.Number(), part.Batch.CompletionCount);
            }

            // Parts add up to the step's loss.
            metrics.Add("loss", loss.Number() * parts.Length);
            loss.backward();
        }

        return optimisation.Update();
    }

    private static void Report(IReadOnlyList<Response> samples, double[] rewards, PolicyBatch[] parts, Averages metrics)
    {
        Rollout.Report(rewards, metrics);
        metrics.Add("kl", parts.SelectMany(p => p.Kl()).Average());
        metrics.Add("completions/mean_length", samples.Average(s => (double)s.Tokens.Length));
        metrics.Count("num_tokens", parts.Sum(p => p.Batch.TokenCount));
    }

    private double Temperature => settings.Sampling.Temperature > 0 ? settings.Sampling.Temperature : 1;
}
