using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary>Log-probabilities of tokens and of sequences from a language model's logits, for heads that are computed elsewhere.</summary>
/// <remarks>
/// Throughout, <c>labels</c> are the tokens that the logits at the same place predict: the input's tokens one place to the left. The last
/// place of a row predicts none, and does not count. <see cref="Shift"/> makes such labels; so logits are read as the model gives them, without a
/// slice, whose gradient would be a second tensor of their size.
/// </remarks>
public static partial class Tokens
{
    /// <summary>The tokens that logits predict at each place: a row's tokens one place to the left, and -100 at its end.</summary>
    /// <param name="tokens">The tokens that the model reads, [row token], int64.</param>
    public static Tensor Shift(Tensor tokens) => cat([tokens[TensorIndex.Ellipsis, 1..], full_like(tokens[TensorIndex.Ellipsis, ..1], -100)], -1);

    /// <summary>Of every token its log-probability, without a log-softmax of the logits' size in memory.</summary>
    /// <param name="logits">[row token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [row token], int64: <see cref="Shift"/> makes them.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="temperature">What logits are divided by: that of sampling.</param>
    /// <returns>The log-probability and the entropy (without gradient) at every place, [row token], and 0 where a token does not count.</returns>
    [Objective]
    public static (Tensor logProbability, Tensor entropy) Select(
        [Axes("row token vocab")] Tensor logits,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isToken,
        double temperature = 1.0) =>
        (LogProbability(logits, labels, isToken, temperature), where(isToken, Entropy(logits / temperature), 0.0).detach());

    /// <summary>Of every sequence its log-probability: what objectives over pairs and sequences take.</summary>
    /// <param name="logits">[row token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [row token], int64: <see cref="Shift"/> makes them.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="average">Takes the mean over tokens in the place of the sum.</param>
    /// <returns>The log-probability of every row, [row].</returns>
    [Objective]
    public static Tensor Score(
        [Axes("row token vocab")] Tensor logits,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isToken,
        bool average = false) =>
        SequenceLogProbability(logits, labels, isToken, average);
}
