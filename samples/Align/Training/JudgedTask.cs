using Align.Checkpoints;
using Align.Data;
using Align.Model;
using Align.Tokenizers;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>Trains a policy on responses that are good or bad each for itself: KTO and its family.</summary>
internal sealed class JudgedTask : ITrainingTask
{
    private readonly Llama policy;
    private readonly Llama working;
    private readonly ITokenizer tokenizer;
    private readonly JudgedObjective objective;
    private readonly JudgedSettings settings;
    private readonly IReadOnlyList<EncodedResponse> train;
    private readonly IReadOnlyList<EncodedResponse> heldOut;
    private readonly References trainReferences;
    private readonly References heldOutReferences;
    private double rewardCount;
    private double rewardMean;

    /// <summary>A task whose reference is the policy as it is given.</summary>
    public JudgedTask(Llama policy, ITokenizer tokenizer, IReadOnlyList<EncodedResponse> train, IReadOnlyList<EncodedResponse> heldOut, JudgedSettings settings)
    {
        this.policy = policy;
        this.tokenizer = tokenizer;
        this.train = train;
        this.heldOut = heldOut;
        this.settings = settings;
        objective = settings.Objective;
        working = LowerPrecision.Of(policy, settings.Precision);
        trainReferences = References.Of(working, [.. train.Select(Rows)], settings.BatchSize);
        heldOutReferences = References.Of(working, [.. heldOut.Select(Rows)], settings.BatchSize);

        static EncodedPair Rows(EncodedResponse response) => new(response.Prompt, response.Response, response.Other);
    }

    /// <inheritdoc/>
    public nn.Module Module => policy;

    /// <inheritdoc/>
    public nn.Module Working => working;

    /// <inheritdoc/>
    public IReadOnlyList<int> Lengths => [.. train.Select(r => r.Length)];

    /// <inheritdoc/>
    public Generator? Random => null;

    /// <inheritdoc/>
    public IReadOnlyList<double> Memory
    {
        get => [rewardCount, rewardMean];
        set => (rewardCount, rewardMean) = (value[0], value[1]);
    }

    /// <inheritdoc/>
    public bool StartsAtLn2 => objective.StartsAtLn2;

    /// <summary>What else is evaluated, on the policy as it is: samples, say.</summary>
    public Action<Llama, Averages>? Extra { get; init; }

    /// <inheritdoc/>
    public void Step(IReadOnlyList<int> examples, Optimisation optimisation, Averages metrics)
    {
        optimisation.ZeroGrad();
        using var shift = Shift(examples, train, trainReferences);
        if (objective.Shift == RewardShift.Divergence)
            metrics.Add("kl", shift.item<float>());
        var sum = 0.0;
        foreach (var part in examples.Chunk(settings.BatchSize))
        {
            using var scope = NewDisposeScope();
            var share = (double)part.Length / examples.Count;
            var (loss, rewards) = Loss(part, train, trainReferences, shift, share, metrics);
            sum += rewards.Sum();
            Optimisation.Backward(loss, share);
        }

        rewardCount += examples.Count;
        rewardMean += (sum - (examples.Count * rewardMean)) / rewardCount;
        Margin(metrics);
        metrics.Add("grad_norm", optimisation.Update());
    }

    /// <inheritdoc/>
    public void Evaluate(Averages metrics)
    {
        foreach (var part in Enumerable.Range(0, heldOut.Count).OrderBy(e => heldOut[e].Length).Chunk(settings.BatchSize))
        {
            using var scope = NewDisposeScope();
            using var shift = Shift(part, heldOut, heldOutReferences);
            Loss(part, heldOut, heldOutReferences, shift, (double)part.Length / heldOut.Count, metrics);
        }

        Margin(metrics);
        Extra?.Invoke(policy, metrics);
    }

    /// <inheritdoc/>
    public void Save(string folder) => Checkpoint.SaveHuggingFace(folder, policy, tokenizer);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!ReferenceEquals(working, policy))
            working.Dispose();
    }

    /// <summary>What rewards are compared with, over all examples of a step.</summary>
    private Tensor Shift(IReadOnlyList<int> examples, IReadOnlyList<EncodedResponse> responses, References references)
    {
        var shift = objective.Shift == RewardShift.RunningMean ? rewardMean : objective.Shift == RewardShift.Divergence ? Divergence(examples, responses, references) : 0;
        return tensor((float)shift, device: policy.Device);
    }

    /// <summary>KTO's z: the mean log-ratio of responses to other prompts, not below 0.</summary>
    private double Divergence(IReadOnlyList<int> examples, IReadOnlyList<EncodedResponse> responses, References references)
    {
        using var none = no_grad();
        var sum = 0.0;
        foreach (var part in examples.Chunk(settings.BatchSize))
        {
            using var scope = NewDisposeScope();
            using var batch = PairBatch.Of([.. part.Select(e => (responses[e].Prompt, responses[e].Other))], device: policy.Device);
            var own = Dpo.Autodiff.Objectives.Tokens.Fused.Score(LowerPrecision.Raised(working.forward(batch.Tokens)), batch.Labels, batch.IsCompletion);
            sum += own.to(ScalarType.Float64).sum().Number() - part.Sum(e => references.Sum(e).Rejected);
        }

        return Math.Max(0, sum / examples.Count);
    }

    private (Tensor Loss, double[] Rewards) Loss(int[] part, IReadOnlyList<EncodedResponse> responses, References references, Tensor shift, double share, Averages metrics)
    {
        using var batch = PairBatch.Of([.. part.Select(e => (responses[e].Prompt, responses[e].Response))], device: policy.Device);
        var logits = working.forward(batch.Tokens);
        var dtype = policy.DType == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        using var reference = tensor(part.Select(e => references.Sum(e).Chosen).ToArray(), dtype: dtype, device: policy.Device);
        using var isDesirable = tensor(part.Select(e => responses[e].IsDesirable).ToArray(), device: policy.Device);
        var result = objective.Loss(new JudgedInputs(logits, batch.Labels, batch.IsCompletion, reference, isDesirable, shift, settings));
        var rewards = result.Reward.Numbers();
        var logs = result.LogProbability.Numbers();
        metrics.Add("loss", result.Loss.Number(), share);
        for (var row = 0; row < part.Length; row++)
        {
            var kind = responses[part[row]].IsDesirable ? "chosen" : "rejected";
            metrics.Add($"rewards/{kind}", rewards[row]);
            metrics.Add($"logps/{kind}", logs[row]);
        }

        metrics.Count("num_tokens", batch.TokenCount);
        metrics.Count("completion_tokens", batch.CompletionCount);
        return (result.Loss, rewards);
    }

    private static void Margin(Averages metrics)
    {
        if (metrics["rewards/chosen"] is { } chosen && metrics["rewards/rejected"] is { } rejected)
            metrics.Add("rewards/margins", chosen - rejected);
    }
}
