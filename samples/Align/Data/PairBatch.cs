using static TorchSharp.torch;

namespace Align.Data;

/// <summary>
/// Pairs as tensors: rows of the chosen responses first, then those of the rejected ones, each after its prompt and padded on the right to the longest.
/// </summary>
internal sealed class PairBatch : IDisposable
{
    private PairBatch(Tensor tokens, Tensor labels, Tensor isCompletion, int pairs, long tokenCount, long completionCount)
    {
        Tokens = tokens;
        Labels = labels;
        IsCompletion = isCompletion;
        Pairs = pairs;
        TokenCount = tokenCount;
        CompletionCount = completionCount;
    }

    /// <summary>What the model reads, [2*pair token], int64.</summary>
    public Tensor Tokens { get; }

    /// <summary>The token that each place predicts: the row's tokens one place to the left, -100 at its end.</summary>
    public Tensor Labels { get; }

    /// <summary>
    /// Whether a place predicts a token of the response, Boolean: true from the prompt's last token, which predicts the response's first, to the
    /// response's last but one, which predicts its last.
    /// </summary>
    public Tensor IsCompletion { get; }

    /// <summary>The number of pairs.</summary>
    public int Pairs { get; }

    /// <summary>How many tokens are read, without padding.</summary>
    public long TokenCount { get; }

    /// <summary>How many tokens are predicted and count.</summary>
    public long CompletionCount { get; }

    /// <summary>The tensors of some pairs.</summary>
    public static PairBatch Of(IReadOnlyList<EncodedPair> pairs, Device? device = null)
    {
        var rows = pairs.Select(p => (p.Prompt, Response: p.Chosen)).Concat(pairs.Select(p => (p.Prompt, Response: p.Rejected))).ToArray();
        return Of(rows, pairs.Count, device);
    }

    /// <summary>The tensors of rows that are no pairs.</summary>
    public static PairBatch Of(IReadOnlyList<(int[] Prompt, int[] Response)> rows, int pairs = 0, Device? device = null)
    {
        var length = rows.Max(r => r.Prompt.Length + r.Response.Length);
        var tokens = new long[rows.Count * length];
        var isCompletion = new bool[tokens.Length];
        for (var row = 0; row < rows.Count; row++)
        {
            var (prompt, response) = rows[row];
            var start = row * length;
            for (var i = 0; i < prompt.Length; i++)
                tokens[start + i] = prompt[i];
            for (var i = 0; i < response.Length; i++)
                tokens[start + prompt.Length + i] = response[i];
            Array.Fill(isCompletion, true, start + prompt.Length - 1, response.Length);
        }

        using var scope = NewDisposeScope();
        var read = tensor(tokens, [rows.Count, length], device: device).DetachFromDisposeScope();
        return new PairBatch(
            read,
            Dpo.Autodiff.Objectives.Tokens.Shift(read).DetachFromDisposeScope(),
            tensor(isCompletion, [rows.Count, length], device: device).DetachFromDisposeScope(),
            pairs,
            rows.Sum(r => (long)r.Prompt.Length + r.Response.Length),
            rows.Sum(r => (long)r.Response.Length));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Tokens.Dispose();
        Labels.Dispose();
        IsCompletion.Dispose();
    }
}
