using Align.Checkpoints;
using Align.Data;
using Align.Model;
using Align.Tokenizers;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>Trains a policy on pairs by an objective over pairs: DPO and its family.</summary>
internal sealed class PreferenceTask : ITrainingTask
{
    private readonly Llama policy;
    private readonly Llama working;
    private readonly ITokenizer tokenizer;
    private readonly PairObjective objective;
    private readonly PreferenceSettings settings;
    private readonly IReadOnlyList<EncodedPair> train;
    private readonly IReadOnlyList<EncodedPair> heldOut;
    private readonly References? trainReferences;
    private readonly References? heldOutReferences;

    /// <summary>A task whose reference is the policy as it is given.</summary>
    public PreferenceTask(Llama policy, ITokenizer tokenizer, IReadOnlyList<EncodedPair> train, IReadOnlyList<EncodedPair> heldOut, PreferenceSettings settings)
    {
        this.policy = policy;
        this.tokenizer = tokenizer;
        this.train = train;
        this.heldOut = heldOut;
        this.settings = settings;
        objective = settings.Objective;
        if (objective.NeedsGold && train.Concat(heldOut).Any(p => p.Gold is null))
            throw new DataException($"The objective {objective.Name} needs a third response with every pair: \"reference\" beside prompt, chosen and rejected, better than both.");
        working = LowerPrecision.Of(policy, settings.Precision);
        if (objective.Needs != ReferenceNeed.None)
        {
            trainReferences = References.Of(working, train, settings.BatchSize);
            heldOutReferences = References.Of(working, heldOut, settings.BatchSize);
        }
    }

    /// <inheritdoc/>
    public nn.Module Module => policy;

    /// <inheritdoc/>
    public nn.Module Working => working;

    /// <inheritdoc/>
    public IReadOnlyList<int> Lengths => [.. train.Select(p => p.Length)];

    /// <inheritdoc/>
    public Generator? Random => null;

    /// <inheritdoc/>
    public bool StartsAtLn2 => objective.StartsAtLn2;

    /// <summary>What else is evaluated, on the policy as it is: samples, say.</summary>
    public Action<Llama, Averages>? Extra { get; init; }

    /// <inheritdoc/>
    public void Step(IReadOnlyList<int> examples, Optimisation optimisation, Averages metrics)
    {
        optimisation.ZeroGrad();
        var responses = examples.Sum(e => train[e].Chosen.Length);
        foreach (var part in examples.Chunk(settings.BatchSize))
        {
            using var scope = NewDisposeScope();
            // Losses are means over pairs: the parts' shares make the mean over all. A mean over tokens is told its number in the whole.
            var share = (double)part.Length / examples.Count;
            using var normaliser = part.Length == examples.Count ? null : tensor(responses * share, device: policy.Device);
            Optimisation.Backward(Loss(part, train, trainReferences, normaliser, share, metrics), share);
        }

        metrics.Add("grad_norm", optimisation.Update());
    }

    /// <inheritdoc/>
    public void Evaluate(Averages metrics)
    {
        foreach (var part in Enumerable.Range(0, heldOut.Count).OrderBy(e => heldOut[e].Length).Chunk(settings.BatchSize))
        {
            using var scope = NewDisposeScope();
            Loss(part, heldOut, heldOutReferences, null, (double)part.Length / heldOut.Count, metrics);
        }

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

    private Tensor Loss(int[] part, IReadOnlyList<EncodedPair> pairs, References? references, Tensor? normaliser, double share, Averages metrics)
    {
        using var batch = PairBatch.Of([.. part.Select(e => pairs[e])], policy.Device);
        var logits = working.forward(batch.Tokens);
        var dtype = policy.DType == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        var reference = references?.Of(part, objective.Needs, batch, pairs, dtype);
        var inputs = new PairInputs(logits, batch.Labels, batch.IsCompletion, reference, settings.Beta, settings.LabelSmoothing, normaliser)
        {
            IsTie = objective.TakesTies ? tensor(part.Select(e => pairs[e].IsTie).ToArray(), device: policy.Device) : null,
        };
        using var gold = objective.NeedsGold ? PairBatch.Of([.. part.Select(e => (pairs[e].Prompt, pairs[e].Gold!))], device: policy.Device) : null;
        if (gold is not null)
            inputs = inputs with { Gold = (working.forward(gold.Tokens), gold.Labels, gold.IsCompletion) };
        var result = objective.Loss(inputs);
        Report(result, batch, share, metrics);
        return result.Loss;
    }

    private static void Report(PairResult result, PairBatch batch, double share, Averages metrics)
    {
        metrics.Add("loss", result.Loss.Number(), share);
        metrics.AddRewards(result.ChosenReward, result.RejectedReward, share);
        if (result is { ChosenLogProbability: { } chosen, RejectedLogProbability: { } rejected })
        {
            metrics.Add("logps/chosen", Readings.Mean(chosen), share);
            metrics.Add("logps/rejected", Readings.Mean(rejected), share);
        }

        foreach (var (name, value) in result.Metrics)
            metrics.Add(name, value.Number(), share);
        metrics.Count("num_tokens", batch.TokenCount);
        metrics.Count("completion_tokens", batch.CompletionCount);
    }
}
