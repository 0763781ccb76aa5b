using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary>Objectives over batches without padding: the sequences' tokens one after another, [token vocab], and of every token the number of its sequence.</summary>
/// <remarks>
/// What is a mean over tokens needs nothing of this: <see cref="Preference.Sft"/> takes such a batch as a single row. <c>sequence</c> follows from the
/// cumulative lengths that attention kernels take, by repeat_interleave.
/// </remarks>
public static partial class Packed
{
    /// <summary>Of every sequence its log-probability: <see cref="Tokens.Score"/> without padding.</summary>
    /// <param name="logits">[token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [token], int64.</param>
    /// <param name="isToken">Whether a token counts, [token], Boolean: not the last of a sequence.</param>
    /// <param name="sequence">The number of each token's sequence, [token], int64.</param>
    /// <param name="length">The number of tokens of each sequence, [sequence]: what a sum is divided by for the mean.</param>
    /// <param name="average">Takes the mean over tokens in the place of the sum.</param>
    /// <returns>The log-probability of every sequence, [sequence].</returns>
    [Objective]
    public static Tensor Score(
        [Axes("token vocab")] Tensor logits,
        [Axes("token")] Tensor labels,
        [Axes("token")] Tensor isToken,
        [Axes("token")] Tensor sequence,
        [Axes("sequence"), NoGrad] Tensor length,
        bool average = false)
    {
        var sum = SequenceSums(Tokens.LogProbability(logits, labels, isToken), sequence, length);
        return average ? Preference.PerToken(sum, length) : sum;
    }

    /// <summary>DPO, Rafailov et al. 2023, eq. 7, without padding.</summary>
    /// <param name="logits">[token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [token], int64.</param>
    /// <param name="isCompletion">Whether it is one of a response's, [token], Boolean: not at the last token of a sequence.</param>
    /// <param name="sequence">The number of each token's sequence, [token], int64: pair k has the chosen response k and the rejected one k + number of pairs.</param>
    /// <param name="reference">Log-probabilities of the sequences under the frozen reference, [2*pair].</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="labelSmoothing">The share of preferences that are taken to be flipped, below a half.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="PreferenceFromLogits.Ipo" path="/returns"/>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) Dpo(
        [Axes("token vocab")] Tensor logits,
        [Axes("token")] Tensor labels,
        [Axes("token")] Tensor isCompletion,
        [Axes("token")] Tensor sequence,
        [Axes("2*pair"), NoGrad] Tensor reference,
        double beta = 0.1,
        double labelSmoothing = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = SequenceSums(Tokens.LogProbability(logits, labels, isCompletion), sequence, reference);
        var (chosen, rejected) = PreferenceFromLogits.Halves(policy);
        var (referenceChosen, referenceRejected) = PreferenceFromLogits.Halves(reference);
        var (loss, chosenReward, rejectedReward) = Preference.Dpo(chosen, rejected, referenceChosen, referenceRejected, beta, labelSmoothing, normaliser: normaliser);
        var (margin, accuracy) = Preference.Comparison(chosenReward, rejectedReward);
        return (loss, chosenReward, rejectedReward, margin, accuracy, chosen.detach(), rejected.detach());
    }

    /// <summary>The sum of each sequence's values, [sequence].</summary>
    /// <param name="values">[token].</param>
    /// <param name="sequence">The number of each token's sequence, [token].</param>
    /// <param name="like">A tensor with an element for each sequence.</param>
    [ObjectiveFunction]
    public static Tensor SequenceSums(Tensor values, Tensor sequence, Tensor like) =>
        zeros_like(like).type_as(values).index_add(0, sequence, values, 1);
}
