using Align.Data;
using Align.Tokenizers;
using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>Trains a reward model: the score of a response is the number at its last token, and pairs are compared as by Bradley and Terry.</summary>
internal sealed class RewardTask(
    ScalarHead model,
    ITokenizer tokenizer,
    IReadOnlyList<EncodedPair> train,
    IReadOnlyList<EncodedPair> heldOut,
    int batchSize,
    double? centering) : ITrainingTask
{
    /// <inheritdoc/>
    public nn.Module Module => model;

    /// <inheritdoc/>
    public nn.Module Working => model;

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
        foreach (var part in examples.Chunk(batchSize))
        {
            using var scope = NewDisposeScope();
            var share = (double)part.Length / examples.Count;
            var loss = Loss([.. part.Select(e => train[e])], share, metrics);
            using var scale = tensor(share, dtype: loss.dtype, device: loss.device);
            (loss * scale).backward();
        }

        metrics.Add("grad_norm", optimisation.Update());
    }

    /// <inheritdoc/>
    public void Evaluate(Averages metrics)
    {
        foreach (var part in heldOut.OrderBy(p => p.Length).Chunk(batchSize))
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
    }

    /// <summary>The scores of the chosen responses, and of the rejected ones.</summary>
    public static (Tensor Chosen, Tensor Rejected) Scores(ScalarHead model, IReadOnlyList<EncodedPair> pairs, PairBatch batch)
    {
        long[] last = [.. pairs.Select(p => (long)p.Prompt.Length + p.Chosen.Length - 1), .. pairs.Select(p => (long)p.Prompt.Length + p.Rejected.Length - 1)];
        var places = tensor(last, device: batch.Tokens.device).unsqueeze(-1);
        var scores = model.forward(batch.Tokens).gather(1, places).squeeze(-1).chunk(2, 0);
        return (scores[0], scores[1]);
    }

    private Tensor Loss(IReadOnlyList<EncodedPair> pairs, double share, Averages metrics)
    {
        using var batch = PairBatch.Of(pairs, model.Body.Device);
        var (chosen, rejected) = Scores(model, pairs, batch);
        var (loss, margin, accuracy) = RewardModel.Fused.BradleyTerry(chosen, rejected, null, centering);
        metrics.Add("loss", loss.to(ScalarType.Float64).item<double>(), share);
        metrics.Add("accuracy", accuracy.to(ScalarType.Float64).item<double>(), share);
        metrics.Add("margin", margin.to(ScalarType.Float64).item<double>(), share);
        metrics.Count("num_tokens", batch.TokenCount);
        return loss;
    }
}
