using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>What the objectives are made of.</content>
public static partial class PreferenceFromLogits
{
    /// <summary>What belongs to the chosen responses, and what to the rejected ones.</summary>
    [ObjectiveFunction]
    public static (Tensor chosen, Tensor rejected) Halves(Tensor values)
    {
        var halves = values.chunk(2, 0);
        return (halves[0], halves[1]);
    }

    /// <summary>
    /// WPO's weight of each response, Zhou et al. 2024: <c>exp(mean(log p(token) - log sum p^2))</c>, how likely the policy is to answer so,
    /// relative to its own confidence; without gradient.
    /// </summary>
    /// <param name="logits">[... token vocab].</param>
    /// <param name="tokens">The log-probability of each token, [... token].</param>
    /// <param name="isCompletion">Whether a token counts.</param>
    [ObjectiveFunction]
    public static Tensor PolicyWeight(Tensor logits, Tensor tokens, Tensor isCompletion)
    {
        var confidence = (2 * logits).logsumexp(-1) - 2 * logits.logsumexp(-1);
        return exp(Tokens.PerSequence(tokens - confidence, isCompletion)).detach();
    }

    /// <summary>
    /// LD-DPO's sum, Liu et al. 2024: tokens of a response beyond the length of the other one of its pair count alpha times.
    /// </summary>
    /// <param name="tokens">The log-probability of each token, [2*pair token], 0 where it does not count.</param>
    /// <param name="isCompletion">Whether a token counts.</param>
    /// <param name="alpha">What a token beyond the shorter length counts.</param>
    [ObjectiveFunction]
    public static Tensor LengthDesensitised(Tensor tokens, Tensor isCompletion, double alpha)
    {
        var (chosen, rejected) = Halves(isCompletion.sum([-1]));
        var shared = minimum(chosen, rejected);
        var isShared = isCompletion.cumsum(-1) <= cat([shared, shared], 0).unsqueeze(-1);
        return where(isShared, tokens, alpha * tokens).sum([-1]);
    }

    /// <summary>What a paired objective returns: the mean loss, and what trainers log.</summary>
    private static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) WithMetrics(Tensor losses, Tensor chosenReward, Tensor rejectedReward, Tensor policy, Tensor? normaliser)
    {
        var (margin, accuracy) = Preference.Comparison(chosenReward, rejectedReward);
        var (chosen, rejected) = Halves(policy);
        return (Preference.Mean(losses, normaliser), chosenReward.detach(), rejectedReward.detach(), margin, accuracy, chosen.detach(), rejected.detach());
    }
}
