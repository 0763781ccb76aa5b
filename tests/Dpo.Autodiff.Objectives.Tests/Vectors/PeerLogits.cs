using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>The peers' objectives from logits, in the language: they compose the catalogue with a front end.</summary>
internal static partial class PeerLogits
{
    /// <summary>The original DPO, from logits and labels.</summary>
    [Objective]
    internal static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor logps, Tensor referenceLogps) Dpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token vocab"), NoGrad] Tensor referenceLogits,
        [Axes("2*pair token")] Tensor labels,
        double beta = 0.1,
        bool average = false)
    {
        var logps = SequenceLogProbability(logits, labels, average);
        var referenceLogps = SequenceLogProbability(referenceLogits, labels, average);
        var policy = logps.chunk(2, 0);
        var reference = referenceLogps.chunk(2, 0);
        var (loss, chosenReward, rejectedReward) = Preference.Dpo(policy[0], policy[1], reference[0], reference[1], beta);
        return (loss, chosenReward, rejectedReward, logps.detach(), referenceLogps.detach());
    }

    /// <summary>TRL's DPO trainer: weighted losses, WPO, LD-DPO.</summary>
    [Objective]
    internal static (Tensor loss, Tensor chosenLogps, Tensor rejectedLogps, Tensor chosenReward, Tensor rejectedReward, Tensor weights) Trl(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token vocab"), NoGrad] Tensor referenceLogits,
        [Axes("2*pair token")] Tensor ids,
        [Axes("2*pair token")] Tensor isCompletion,
        double beta = 0.1,
        double sigmoidWeight = 1.0,
        double bcoPairWeight = 0.0,
        double sftWeight = 0.0,
        double hingeWeight = 0.0,
        bool weighting = false,
        double ldAlpha = 1.0)
    {
        var isLabel = isCompletion[.., 1..];
        var labels = ids[.., 1..];
        var tokens = where(isLabel, TokenLogProbability(logits[.., ..^1], labels), 0);
        var referenceTokens = where(isLabel, TokenLogProbability(referenceLogits[.., ..^1], labels), 0);
        var policy = LengthDesensitised(tokens, isLabel, ldAlpha).chunk(2, 0);
        var reference = LengthDesensitised(referenceTokens, isLabel, ldAlpha).chunk(2, 0);
        var chosenReward = Preference.ImplicitReward(policy[0], reference[0], beta);
        var rejectedReward = Preference.ImplicitReward(policy[1], reference[1], beta);
        var margin = chosenReward - rejectedReward;
        var losses = hingeWeight * relu(1 - margin) - sigmoidWeight * logsigmoid(margin);
        losses += bcoPairWeight * (-logsigmoid(chosenReward) - logsigmoid(-rejectedReward));
        var weights = PolicyWeights(logits[.., ..^1], tokens, isLabel).detach();
        if (weighting)
        {
            var sides = weights.chunk(2, 0);
            losses *= sides[0] * sides[1];
        }

        var loss = losses.mean() - sftWeight * tokens.chunk(2, 0)[0].sum() / isLabel.chunk(2, 0)[0].sum();
        return (loss, policy[0].detach(), policy[1].detach(), chosenReward.detach(), rejectedReward.detach(), weights);
    }

    /// <summary>selective_log_softmax, with a cotangent.</summary>
    [Objective]
    internal static (Tensor loss, Tensor output) SelectiveLogSoftmax(
        [Axes("row token vocab")] Tensor logits, [Axes("row token")] Tensor index, [Axes("row token"), NoGrad] Tensor cotangent)
    {
        var output = TokenLogProbability(logits, index);
        return ((output * cotangent).sum(), output.detach());
    }

    /// <summary>entropy_from_logits, with a cotangent.</summary>
    [Objective]
    internal static (Tensor loss, Tensor output) Entropy([Axes("row token vocab")] Tensor logits, [Axes("row token"), NoGrad] Tensor cotangent)
    {
        var logps = logits.log_softmax(-1);
        var output = -(exp(logps) * logps).sum(-1);
        return ((output * cotangent).sum(), output.detach());
    }

    internal static Tensor TokenLogProbability(Tensor logits, Tensor index) =>
        logits.log_softmax(-1).gather(-1, index.unsqueeze(-1)).squeeze(-1);

    private static Tensor SequenceLogProbability(Tensor logits, Tensor labels, bool average)
    {
        var shifted = labels[.., 1..];
        var isLabel = shifted != -100;
        var sum = where(isLabel, TokenLogProbability(logits[.., ..^1], where(isLabel, shifted, 0L)), 0).sum(1);
        return average ? sum / isLabel.sum(1) : sum;
    }

    /// <summary>LD-DPO, Liu et al. 2024: tokens beyond the shorter response of the pair count alpha times.</summary>
    private static Tensor LengthDesensitised(Tensor tokens, Tensor isLabel, double alpha)
    {
        var lengths = isLabel.sum(1).chunk(2, 0);
        var shared = minimum(lengths[0], lengths[1]);
        var isShared = isLabel.cumsum(1) <= cat([shared, shared], 0).unsqueeze(1);
        return where(isShared, tokens, alpha * tokens).sum(1);
    }

    /// <summary>WPO, Zhou et al. 2024: how likely the policy is to sample the response, relative to its own confidence.</summary>
    private static Tensor PolicyWeights(Tensor logits, Tensor tokens, Tensor isLabel)
    {
        var confidence = (2 * logits).logsumexp(-1) - 2 * logits.logsumexp(-1);
        return exp(where(isLabel, tokens - confidence, 0).sum(1) / isLabel.sum(1));
    }
}
