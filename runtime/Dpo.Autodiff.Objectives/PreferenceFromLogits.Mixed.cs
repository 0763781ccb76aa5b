using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <content>DPO weighted by tokens or responses, and beside other losses.</content>
public static partial class PreferenceFromLogits
{
    /// <summary>
    /// RPO, Pang et al. 2024, eq. 1: DPO, and alpha times the negative log-likelihood of the chosen responses, per token of the batch as TRL has it.
    /// </summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="reference">Log-probabilities of the sequences under the frozen reference, [2*pair].</param>
    /// <param name="normaliser">What the likelihood's sum is divided by, a scalar tensor; the number of tokens of the chosen responses where null.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="alpha">The weight of the likelihood.</param>
    /// <param name="pairNormaliser">What the sum over pairs is divided by, a scalar tensor: their number in the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) Rpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor reference,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double beta = 0.1,
        double alpha = 1.0,
        [Axes(""), NoGrad] Tensor? pairNormaliser = null) =>
        Beside(logits, labels, isCompletion, reference, normaliser, pairNormaliser, beta, 1, 0, alpha);

    /// <summary>
    /// MPO, Wang et al. 2024: the preference (DPO), the quality of single responses (BCO without a shift) and the likelihood of the chosen ones.
    /// </summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="reference">Log-probabilities of the sequences under the frozen reference, [2*pair].</param>
    /// <param name="normaliser">What the likelihood's sum is divided by, a scalar tensor; the number of tokens of the chosen responses where null.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="preferenceWeight">The weight of DPO.</param>
    /// <param name="qualityWeight">The weight of BCO.</param>
    /// <param name="likelihoodWeight">The weight of the likelihood.</param>
    /// <param name="pairNormaliser">What the sum over pairs is divided by, a scalar tensor: their number in the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) Mpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor reference,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double beta = 0.1,
        double preferenceWeight = 0.8,
        double qualityWeight = 0.2,
        double likelihoodWeight = 1.0,
        [Axes(""), NoGrad] Tensor? pairNormaliser = null) =>
        Beside(logits, labels, isCompletion, reference, normaliser, pairNormaliser, beta, preferenceWeight, qualityWeight, likelihoodWeight);

    /// <summary>WPO, Zhou et al. 2024: DPO, each pair weighted by how likely the policy is to give both its responses.</summary>
    /// <inheritdoc cref="SigmoidNorm" path="/param"/>
    /// <returns>The loss, and what <see cref="Ipo"/> returns, and the weight of each response, [2*pair].</returns>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability,
        Tensor weights) Wpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor reference,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var tokens = Tokens.LogProbability(logits, labels, isCompletion);
        var policy = tokens.sum([-1]);
        var (chosenReward, rejectedReward) = Halves(beta * (policy - reference));
        var weights = PolicyWeight(logits, tokens, isCompletion);
        var (chosenWeight, rejectedWeight) = Halves(weights);
        var losses = -logsigmoid(chosenReward - rejectedReward) * (chosenWeight * rejectedWeight);
        var (loss, chosen, rejected, margin, accuracy, chosenLogs, rejectedLogs) = WithMetrics(losses, chosenReward, rejectedReward, policy, normaliser);
        return (loss, chosen, rejected, margin, accuracy, chosenLogs, rejectedLogs, weights);
    }

    /// <summary>LD-DPO, Liu et al. 2024: DPO whose tokens beyond the shorter response of the pair count alpha times.</summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="referenceTokens">Log-probabilities of the tokens under the frozen reference, [2*pair token] (<see cref="Tokens.Select"/>).</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="alpha">What a token beyond the shorter length counts; 1 is DPO.</param>
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
        Tensor rejectedLogProbability) LdDpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair token"), NoGrad] Tensor referenceTokens,
        double beta = 0.1,
        double alpha = 0.5,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = LengthDesensitised(Tokens.LogProbability(logits, labels, isCompletion), isCompletion, alpha);
        var reference = LengthDesensitised(where(isCompletion, referenceTokens, 0.0), isCompletion, alpha);
        var (chosenReward, rejectedReward) = Halves(beta * (policy - reference));
        return WithMetrics(-logsigmoid(chosenReward - rejectedReward), chosenReward, rejectedReward, policy, normaliser);
    }

    /// <summary>
    /// XPO, Xie et al. 2024, algorithm 1: DPO of the policy's own response and the reference's, and alpha times the log-probability of the latter, which
    /// drives the policy away from it.
    /// </summary>
    /// <param name="logits">Of the policy's own responses, then of the reference's, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="reference">Log-probabilities of the sequences under the frozen reference, [2*pair].</param>
    /// <param name="isOwnPreferred">Whether the policy's own response is the better one, [pair], Boolean.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="alpha">The weight of exploration.</param>
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
        Tensor rejectedLogProbability) Xpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor reference,
        [Axes("pair")] Tensor isOwnPreferred,
        double beta = 0.1,
        double alpha = 1e-5,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = Tokens.SequenceLogProbability(logits, labels, isCompletion);
        var (own, other) = Halves(policy);
        var (ownReward, otherReward) = Halves(beta * (policy - reference));
        var chosenReward = where(isOwnPreferred, ownReward, otherReward);
        var rejectedReward = where(isOwnPreferred, otherReward, ownReward);
        var losses = alpha * other - logsigmoid(chosenReward - rejectedReward);
        var chosen = where(isOwnPreferred, own, other);
        var rejected = where(isOwnPreferred, other, own);
        return WithMetrics(losses, chosenReward, rejectedReward, cat([chosen, rejected], 0), normaliser);
    }

    private static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) Beside(
        Tensor logits,
        Tensor labels,
        Tensor isCompletion,
        Tensor reference,
        Tensor? normaliser,
        Tensor? pairNormaliser,
        double beta,
        double preferenceWeight,
        double qualityWeight,
        double likelihoodWeight)
    {
        var tokens = Tokens.LogProbability(logits, labels, isCompletion);
        var policy = tokens.sum([-1]);
        var (chosenReward, rejectedReward) = Halves(beta * (policy - reference));
        var losses = -preferenceWeight * logsigmoid(chosenReward - rejectedReward)
            - qualityWeight * (logsigmoid(chosenReward) + logsigmoid(-rejectedReward));
        var (loss, chosen, rejected, margin, accuracy, chosenLogs, rejectedLogs) = WithMetrics(losses, chosenReward, rejectedReward, policy, pairNormaliser);
        return (loss + likelihoodWeight * ChosenNll(tokens, isCompletion, normaliser), chosen, rejected, margin, accuracy, chosenLogs, rejectedLogs);
    }

    /// <summary>The negative log-likelihood of the chosen responses, per token of theirs.</summary>
    private static Tensor ChosenNll(Tensor tokens, Tensor isCompletion, Tensor? normaliser)
    {
        var (chosen, _) = Halves(tokens);
        var (isChosen, _) = Halves(isCompletion);
        return -Tokens.Mean(chosen, isChosen, normaliser);
    }
}
