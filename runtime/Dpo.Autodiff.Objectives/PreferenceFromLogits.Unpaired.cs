using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>Single responses, [example token vocab].</content>
public static partial class PreferenceFromLogits
{
    /// <summary>KTO, Ethayarajh et al. 2024, eqs. 7 and 8: <see cref="Preference.Kto"/> from logits.</summary>
    /// <param name="logits">[example token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [example token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [example token], Boolean.</param>
    /// <param name="reference">Log-probabilities of the sequences under the frozen reference, [example].</param>
    /// <param name="isDesirable">Whether each response is good, [example], Boolean.</param>
    /// <param name="kl">z, the estimate of the divergence over the whole batch, a scalar tensor: <see cref="Preference.KtoDivergence"/>.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="desirableWeight">The weight of good responses.</param>
    /// <param name="undesirableWeight">The weight of bad ones.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of responses of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the implicit rewards [example], and the log-probabilities of the responses [example].</returns>
    [Objective]
    public static (Tensor loss, Tensor reward, Tensor logProbability) Kto(
        [Axes("example token vocab")] Tensor logits,
        [Axes("example token")] Tensor labels,
        [Axes("example token")] Tensor isCompletion,
        [Axes("example"), NoGrad] Tensor reference,
        [Axes("example")] Tensor isDesirable,
        [Axes(""), NoGrad] Tensor kl,
        double beta = 0.1,
        double desirableWeight = 1.0,
        double undesirableWeight = 1.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = Tokens.SequenceLogProbability(logits, labels, isCompletion);
        var logRatio = policy - reference;
        var losses = Preference.KtoLosses(beta * (logRatio - kl), isDesirable, desirableWeight, undesirableWeight);
        return (Preference.MeanOfNumbers(losses, normaliser), (beta * logRatio).detach(), policy.detach());
    }

    /// <summary>BCO, Jung et al. 2024: <see cref="Preference.Bco"/> from logits.</summary>
    /// <param name="logits">[example token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [example token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [example token], Boolean.</param>
    /// <param name="reference">Log-probabilities of the sequences under the frozen reference, [example].</param>
    /// <param name="isDesirable">Whether each response is good, [example], Boolean.</param>
    /// <param name="delta">The running mean of rewards, a scalar tensor: feed back the returned batch mean.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of responses of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the implicit rewards [example], their mean, and the log-probabilities of the responses [example].</returns>
    [Objective]
    public static (Tensor loss, Tensor reward, Tensor meanReward, Tensor logProbability) Bco(
        [Axes("example token vocab")] Tensor logits,
        [Axes("example token")] Tensor labels,
        [Axes("example token")] Tensor isCompletion,
        [Axes("example"), NoGrad] Tensor reference,
        [Axes("example")] Tensor isDesirable,
        [Axes(""), NoGrad] Tensor delta,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = Tokens.SequenceLogProbability(logits, labels, isCompletion);
        var (loss, reward, meanReward) = Preference.Bco(policy, reference, isDesirable, delta, null, beta, normaliser);
        return (loss, reward, meanReward, policy.detach());
    }

    /// <summary>
    /// Nash-MD, Munos et al. 2023, as TRL has it: <c>beta sum(d log p) - (preference - 1/2) sum(log p)</c> of a response of the policy's, d the
    /// log-ratio of each token, without gradient.
    /// </summary>
    /// <param name="logits">[example token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [example token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [example token], Boolean.</param>
    /// <param name="referenceTokens">Log-probabilities of the tokens under the frozen reference, [example token] (<see cref="Tokens.Select"/>).</param>
    /// <param name="preference">The chance that the response is preferred to the mixture's, [example].</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of responses of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the mean divergence of a response, and the log-probabilities of the responses [example].</returns>
    [Objective]
    public static (Tensor loss, Tensor kl, Tensor logProbability) NashMd(
        [Axes("example token vocab")] Tensor logits,
        [Axes("example token")] Tensor labels,
        [Axes("example token")] Tensor isCompletion,
        [Axes("example token"), NoGrad] Tensor referenceTokens,
        [Axes("example"), NoGrad] Tensor preference,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var tokens = Tokens.LogProbability(logits, labels, isCompletion);
        var difference = (tokens - where(isCompletion, referenceTokens, 0.0)).detach();
        var policy = tokens.sum([-1]);
        var losses = beta * (difference * tokens).sum([-1]) - (preference - 0.5) * policy;
        return (Preference.Mean(losses, normaliser), difference.sum([-1]).mean(), policy.detach());
    }
}
