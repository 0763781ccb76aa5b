using Align.Checkpoints;
using Align.Data;
using Align.Model;
using Align.Tokenizers;
using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>Trains a model to predict the next token of whole texts.</summary>
internal sealed class LanguageModelTask(Llama model, ITokenizer tokenizer, IReadOnlyList<int[]> texts, int batchSize) : ITrainingTask
{
    /// <inheritdoc/>
    public nn.Module Module => model;

    /// <inheritdoc/>
    public nn.Module Working => model;

    /// <inheritdoc/>
    public IReadOnlyList<int> Lengths => [.. texts.Select(t => t.Length)];

    /// <inheritdoc/>
    public Generator? Random => null;

    /// <inheritdoc/>
    public bool StartsAtLn2 => false;

    /// <inheritdoc/>
    public void Step(IReadOnlyList<int> examples, Optimisation optimisation, Averages metrics)
    {
        optimisation.ZeroGrad();
        using var normaliser = tensor((double)examples.Sum(e => texts[e].Length - 1), device: model.Device);
        foreach (var part in examples.Chunk(batchSize))
        {
            using var scope = NewDisposeScope();
            // A text's first token is its prompt, all others count.
            using var batch = PairBatch.Of([.. part.Select(e => (texts[e][..1], texts[e][1..]))], device: model.Device);
            var (loss, nll, _, accuracy) = Preference.Fused.Sft(model.forward(batch.Tokens), batch.Labels, batch.IsCompletion, normaliser);
            loss.backward();
            metrics.Add("loss", nll.Number(), batch.CompletionCount);
            metrics.Add("mean_token_accuracy", accuracy.Number(), batch.CompletionCount);
            metrics.Count("num_tokens", batch.TokenCount);
        }

        metrics.Add("grad_norm", optimisation.Update());
    }

    /// <inheritdoc/>
    public void Evaluate(Averages metrics)
    {
    }

    /// <inheritdoc/>
    public void Save(string folder) => Checkpoint.SaveHuggingFace(folder, model, tokenizer);

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
