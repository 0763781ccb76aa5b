using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary><see cref="Preference"/> from a language model's logits: log-probabilities, loss and gradient in one objective.</summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>with a reference, paired</term></listheader>
/// <item><term><see cref="Dpo"/>, <see cref="DpoSeparate"/></term><description>DPO with all that trainers log; chosen and rejected in one batch or in two</description></item>
/// <item><term><see cref="Ipo"/>, <see cref="SigmoidNorm"/></term><description>squared margins; DPO of log-ratios per token</description></item>
/// <item><term><see cref="Rpo"/>, <see cref="Mpo"/></term><description>beside the likelihood of the chosen responses</description></item>
/// <item><term><see cref="Wpo"/>, <see cref="LdDpo"/></term><description>weighted by how likely the policy is to answer so; tokens beyond the shorter response discounted</description></item>
/// <item><term><see cref="Xpo"/></term><description>with a bonus for exploration</description></item>
/// <listheader><term>with a reference, unpaired</term></listheader>
/// <item><term><see cref="Kto"/>, <see cref="Bco"/>, <see cref="NashMd"/></term><description>single responses</description></item>
/// <listheader><term>without a reference</term></listheader>
/// <item><term><see cref="SimPo"/>, <see cref="SimPoSeparate"/>, <see cref="Orpo"/>, <see cref="Cpo"/>, <see cref="Slic"/>, <see cref="Tpo"/></term><description>from the policy alone</description></item>
/// </list>
/// <para>
/// A batch holds the chosen responses first and then the rejected ones, each with its prompt, as the field's concatenated forward has it:
/// [2*pair token vocab]. Labels are the tokens that the logits at the same place predict (<see cref="Tokens.Shift"/>); <c>isCompletion</c> says where a
/// token of the response is predicted, and nothing else is looked at. References are log-probabilities of sequences, [2*pair], which are computed once
/// and kept: <see cref="Tokens.Score"/> of the reference's logits gives them.
/// </para>
/// <para>
/// Trainers know the results as rewards/chosen and rewards/rejected (<c>chosenReward</c>, <c>rejectedReward</c>, by pair), rewards/margins
/// (<c>margin</c>), rewards/accuracies (<c>accuracy</c>), logps/chosen and logps/rejected (<c>chosenLogProbability</c>, <c>rejectedLogProbability</c>),
/// logits/chosen and logits/rejected (<c>chosenLogit</c>, <c>rejectedLogit</c>: means over the vocabulary and the response's tokens), entropy, and
/// mean_token_accuracy (<c>tokenAccuracy</c>, of chosen responses). They carry no gradient.
/// </para>
/// <para>
/// Losses are means over pairs, or over tokens. Where a batch is a part of a larger one, by gradient accumulation or data parallelism, they take the number of
/// all: <c>normaliser</c>, and <c>pairNormaliser</c> where an objective has both means.
/// </para>
/// </remarks>
public static partial class PreferenceFromLogits
{
    /// <summary>DPO, Rafailov et al. 2023, eq. 7, with label smoothing (cDPO): <see cref="Preference.Dpo"/> from logits.</summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="reference">Log-probabilities of the sequences under the frozen reference, [2*pair].</param>
    /// <param name="referenceLogits">In its place the reference's logits, [2*pair token vocab]. With neither, the reference is uniform.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="labelSmoothing">The share of preferences that are taken to be flipped, below a half.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and what trainers log.</returns>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability,
        Tensor chosenLogit,
        Tensor rejectedLogit,
        Tensor entropy,
        Tensor tokenAccuracy) Dpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor? reference = null,
        [Axes("2*pair token vocab"), NoGrad] Tensor? referenceLogits = null,
        double beta = 0.1,
        double labelSmoothing = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = Tokens.SequenceLogProbability(logits, labels, isCompletion);
        var ratio = reference is not null ? policy - reference
            : referenceLogits is not null ? policy - Tokens.SequenceLogProbability(referenceLogits, labels, isCompletion)
            : policy;
        var (chosenReward, rejectedReward) = Halves(beta * ratio);
        var losses = Preference.LabelSmoothed(chosenReward - rejectedReward, labelSmoothing);
        var (loss, chosen, rejected, margin, accuracy, chosenLogs, rejectedLogs) = WithMetrics(losses, chosenReward, rejectedReward, policy, normaliser);
        var (isChosen, isRejected) = Halves(isCompletion);
        var (chosenLogit, rejectedLogit) = Halves(logits.mean([-1]));
        var (isLikeliest, _) = Halves(Tokens.IsLikeliest(logits, labels));
        return (
            loss,
            chosen,
            rejected,
            margin,
            accuracy,
            chosenLogs,
            rejectedLogs,
            Tokens.Metric(chosenLogit, isChosen),
            Tokens.Metric(rejectedLogit, isRejected),
            Tokens.Metric(Tokens.Entropy(logits), isCompletion),
            Tokens.Metric(isLikeliest, isChosen));
    }

    /// <summary>DPO, Rafailov et al. 2023, eq. 7, of chosen and rejected responses in batches of their own, whose rows differ in length.</summary>
    /// <param name="chosenLogits">[pair chosenToken vocab].</param>
    /// <param name="rejectedLogits">[pair rejectedToken vocab].</param>
    /// <param name="chosenLabels">The token that the logits at the same place predict, [pair chosenToken], int64.</param>
    /// <param name="rejectedLabels">... [pair rejectedToken].</param>
    /// <param name="isChosen">Whether it is one of the response's, [pair chosenToken], Boolean.</param>
    /// <param name="isRejected">... [pair rejectedToken].</param>
    /// <param name="referenceChosen">Log-probabilities of the chosen responses under the frozen reference, [pair].</param>
    /// <param name="referenceRejected">... of the rejected ones.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="labelSmoothing">The share of preferences that are taken to be flipped, below a half.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) DpoSeparate(
        [Axes("pair chosenToken vocab")] Tensor chosenLogits,
        [Axes("pair rejectedToken vocab")] Tensor rejectedLogits,
        [Axes("pair chosenToken")] Tensor chosenLabels,
        [Axes("pair rejectedToken")] Tensor rejectedLabels,
        [Axes("pair chosenToken")] Tensor isChosen,
        [Axes("pair rejectedToken")] Tensor isRejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        double labelSmoothing = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosen = Tokens.SequenceLogProbability(chosenLogits, chosenLabels, isChosen);
        var rejected = Tokens.SequenceLogProbability(rejectedLogits, rejectedLabels, isRejected);
        var (loss, chosenReward, rejectedReward) = Preference.Dpo(chosen, rejected, referenceChosen, referenceRejected, beta, labelSmoothing, normaliser: normaliser);
        var (margin, accuracy) = Preference.Comparison(chosenReward, rejectedReward);
        return (loss, chosenReward, rejectedReward, margin, accuracy, chosen.detach(), rejected.detach());
    }

    /// <summary>IPO, Azar et al. 2023, eq. 17: <see cref="Preference.Ipo"/> from logits.</summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="reference">Log-probabilities of the sequences under the frozen reference, [2*pair].</param>
    /// <param name="beta">tau of the paper: the margin aimed at is 1 / (2 beta).</param>
    /// <param name="lengthNormalised">Takes log-ratios per token, as TRL does; sums are the paper's.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The loss, implicit rewards [pair], their mean margin and the accuracy, and the log-probabilities of the responses [pair].</returns>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) Ipo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor reference,
        double beta = 0.1,
        bool lengthNormalised = true,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = Tokens.SequenceLogProbability(logits, labels, isCompletion);
        var ratio = policy - reference;
        var (chosenRatio, rejectedRatio) = Halves(lengthNormalised ? Preference.PerToken(ratio, isCompletion.sum([-1])) : ratio);
        var (chosenReward, rejectedReward) = Halves(beta * ratio);
        return WithMetrics((chosenRatio - rejectedRatio - 1 / (2 * beta)).square(), chosenReward, rejectedReward, policy, normaliser);
    }

    /// <summary>DPO of log-ratios per token (TRL's sigmoid_norm): <see cref="Preference.SigmoidNorm"/> from logits.</summary>
    /// <inheritdoc cref="Dpo" path="/param[@name != 'referenceLogits' and @name != 'labelSmoothing']"/>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) SigmoidNorm(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor reference,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = Tokens.SequenceLogProbability(logits, labels, isCompletion);
        var rewards = beta * (policy - reference);
        var (chosen, rejected) = Halves(Preference.PerToken(rewards, isCompletion.sum([-1])));
        var (chosenReward, rejectedReward) = Halves(rewards);
        return WithMetrics(Preference.LabelSmoothed(chosen - rejected, 0), chosenReward, rejectedReward, policy, normaliser);
    }
}
