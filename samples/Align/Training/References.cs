using Align.Data;
using Align.Model;
using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>
/// Log-probabilities of all responses under the frozen reference, computed once: in batches that follow from the pairs alone, so that a run that is resumed
/// has the same numbers.
/// </summary>
internal sealed class References
{
    private readonly double[][] chosen;
    private readonly double[][] rejected;

    private References(int pairs)
    {
        chosen = new double[pairs][];
        rejected = new double[pairs][];
    }

    /// <summary>Runs the reference over all pairs.</summary>
    public static References Of(Llama reference, IReadOnlyList<EncodedPair> pairs, int batchSize)
    {
        var references = new References(pairs.Count);
        using var none = no_grad();
        foreach (var examples in Enumerable.Range(0, pairs.Count).OrderBy(e => pairs[e].Length).Chunk(batchSize))
        {
            using var scope = NewDisposeScope();
            using var batch = PairBatch.Of([.. examples.Select(e => pairs[e])], reference.Device);
            var (tokens, _) = Tokens.Fused.Select(LowerPrecision.Raised(reference.forward(batch.Tokens)), batch.Labels, batch.IsCompletion);
            var values = tokens.to(ScalarType.Float64).cpu();
            for (var row = 0; row < examples.Length; row++)
            {
                var pair = pairs[examples[row]];
                references.chosen[examples[row]] = Row(values, row, pair.Prompt.Length, pair.Chosen.Length);
                references.rejected[examples[row]] = Row(values, examples.Length + row, pair.Prompt.Length, pair.Rejected.Length);
            }
        }

        return references;
    }

    /// <summary>The log-probabilities of a pair's responses.</summary>
    public (double Chosen, double Rejected) Sum(int pair) => (chosen[pair].Sum(), rejected[pair].Sum());

    /// <summary>Of some pairs, what an objective needs.</summary>
    public Tensor? Of(IReadOnlyList<int> examples, ReferenceNeed need, PairBatch batch, IReadOnlyList<EncodedPair> pairs, ScalarType dtype)
    {
        var rows = examples.Select(e => chosen[e]).Concat(examples.Select(e => rejected[e])).ToArray();
        switch (need)
        {
            case ReferenceNeed.None:
                return null;
            case ReferenceNeed.Sequences:
                return tensor(rows.Select(r => r.Sum()).ToArray(), dtype: dtype, device: batch.Tokens.device);
            default:
                var length = (int)batch.Tokens.shape[1];
                var tokens = new double[rows.Length * length];
                for (var row = 0; row < rows.Length; row++)
                    rows[row].CopyTo(tokens, row * length + pairs[examples[row % examples.Count]].Prompt.Length - 1);
                return tensor(tokens, [rows.Length, length], dtype, batch.Tokens.device);
        }
    }

    private static double[] Row(Tensor values, int row, int prompt, int response) =>
        response == 0 ? [] : [.. values[row].slice(0, prompt - 1, prompt - 1 + response, 1).data<double>()];
}
