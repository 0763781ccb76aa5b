using Align.Data;
using Align.Tokenizers;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>Trains a reward model: the score of a response is the number at its last token, and an objective says how scores make preferences.</summary>
internal sealed class RewardTask(
    ScalarHead model,
    ITokenizer tokenizer,
    IReadOnlyList<EncodedPair> train,
    IReadOnlyList<EncodedPair> heldOut,
    RewardSettings settings) : ITrainingTask
{
    private readonly ScalarHead working = LowerPrecision.Of(model, settings.Precision);

    /// <inheritdoc/>
    public nn.Module Module => model;

    /// <inheritdoc/>
    public nn.Module Working => working;

    /// <inheritdoc/>
    public IReadOnlyList<int> Lengths => [.. train.Select(p => p.Length)];

    /// <inheritdoc/>
    public Generator? Random => null;

    /// <inheritdoc/>
    public bool StartsAtLn2 => false;

    /// <inheritdoc/>
    public void Step(IReadOnlyList<int> examples, Optimisation optimisation, Averages metrics)
    {
        optimisation.ZeroGrad();
        foreach (var part in examples.Chunk(settings.BatchSize))
        {
            using var scope = NewDisposeScope();
            var share = (double)part.Length / examples.Count;
            Optimisation.Backward(Loss([.. part.Select(e => train[e])], share, metrics), share);
        }

        metrics.Add("grad_norm", optimisation.Update());
    }

    /// <inheritdoc/>
    public void Evaluate(Averages metrics)
    {
        foreach (var part in heldOut.OrderBy(p => p.Length).Chunk(settings.BatchSize))
        {
            using var scope = NewDisposeScope();
            Loss(part, (double)part.Length / heldOut.Count, metrics);
        }
    }

    /// <inheritdoc/>
    public void Save(string folder) => model.Save(folder, tokenizer);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (ReferenceEquals(working, model))
            return;
        working.Body.Dispose();
        working.Dispose();
    }

    /// <summary>The scores of the chosen responses, and of the rejected ones.</summary>
    public static (Tensor Chosen, Tensor Rejected) Scores(ScalarHead model, IReadOnlyList<EncodedPair> pairs, PairBatch batch)
    {
        long[] last = [.. pairs.Select(p => (long)p.Prompt.Length + p.Chosen.Length - 1), .. pairs.Select(p => (long)p.Prompt.Length + p.Rejected.Length - 1)];
        var places = tensor(last, device: batch.Tokens.device).unsqueeze(-1);
        var scores = LowerPrecision.Raised(model.forward(batch.Tokens)).gather(1, places).squeeze(-1).chunk(2, 0);
        return (scores[0], scores[1]);
    }

    private Tensor Loss(IReadOnlyList<EncodedPair> pairs, double share, Averages metrics)
    {
        using var batch = PairBatch.Of(pairs, model.Body.Device);
        var (chosen, rejected) = Scores(working, pairs, batch);
        var preference = tensor(pairs.Select(p => p.IsTie ? 0.0 : 1.0).ToArray(), dtype: chosen.dtype, device: chosen.device);
        var margin = pairs.Any(p => p.Margin is not null) ? tensor(pairs.Select(p => p.Margin ?? 0).ToArray(), dtype: chosen.dtype, device: chosen.device) : null;
        var loss = settings.Objective.Loss(new RewardInputs(chosen, rejected, preference, margin, settings.Centering));
        metrics.Add("loss", loss.Number(), share);
        Report(pairs, chosen.Numbers(), rejected.Numbers(), metrics);
        metrics.Count("num_tokens", batch.TokenCount);
        return loss;
    }

    /// <summary>Of ties no score can be in order.</summary>
    private static void Report(IReadOnlyList<EncodedPair> pairs, double[] chosen, double[] rejected, Averages metrics)
    {
        for (var i = 0; i < pairs.Count; i++)
        {
            if (pairs[i].IsTie)
                continue;
            metrics.Add("accuracy", chosen[i] > rejected[i] ? 1 : 0);
            metrics.Add("margin", chosen[i] - rejected[i]);
        }

        double[] all = [.. chosen, .. rejected];
        metrics.Add("min_reward", all.Min());
        metrics.Add("mean_reward", all.Average(), all.Length);
        metrics.Add("max_reward", all.Max());
    }
}
