using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <content>Over tokens, and between distributions.</content>
internal static partial class Compositions
{
    [Objective]
    internal static Tensor TokenRatios(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor? reference = null) =>
        TokenPolicyGradient.Grpo(policy, old, advantage, isToken, reference).loss
        + TokenPolicyGradient.Dapo(policy, old, advantage, isToken, reference, delta: 1.5).loss
        + TokenPolicyGradient.Dapo(
            policy, old, advantage, isToken & TokenPolicyGradient.IsNearPolicy(policy, old, advantage, isToken, 0.1).unsqueeze(-1)).loss
        + TokenPolicyGradient.DrGrpo(policy, old, advantage, isToken, reference, 0.1).loss
        + TokenPolicyGradient.Gspo(policy, old, advantage, isToken, reference, 0.1).loss
        + TokenPolicyGradient.GspoToken(policy, old, advantage.unsqueeze(-1) + old.detach(), isToken).loss
        + TokenPolicyGradient.Luspo(policy, old, advantage, isToken).loss
        + TokenPolicyGradient.Gmpo(policy, old, advantage, isToken).loss;

    [Objective]
    internal static Tensor TokenWeights(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        KlEstimator estimator = KlEstimator.K3) =>
        TokenPolicyGradient.Cispo(policy, old, advantage, isToken).loss
        + TokenPolicyGradient.Sapo(policy, old, advantage, isToken)
        + TokenPolicyGradient.Vespo(policy, old, advantage, isToken).loss
        + TokenPolicyGradient.Reinforce(policy, advantage, isToken, old).loss
        + TokenPolicyGradient.KlPenalty(policy, old, isToken, estimator).loss;

    [Objective]
    internal static Tensor GroupsOfTokens(
        [Axes("group sample token")] Tensor policy,
        [Axes("group sample token"), NoGrad] Tensor reference,
        [Axes("group sample"), NoGrad] Tensor reward,
        [Axes("group sample token")] Tensor isToken,
        bool klInLoss = false) =>
        TokenPolicyGradient.Rloo(policy, reference, reward, isToken, klInLoss: klInLoss).loss;

    [Objective]
    internal static Tensor ActorAndCritic(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence token"), NoGrad] Tensor rollout,
        [Axes("sequence token"), NoGrad] Tensor reward,
        [Axes("sequence token")] Tensor value,
        [Axes("sequence token"), NoGrad] Tensor oldValue,
        [Axes("sequence token"), NoGrad] Tensor returns,
        [Axes("sequence token")] Tensor isToken,
        RolloutCorrection correction = RolloutCorrection.Truncated)
    {
        var advantage = TokenPolicyGradient.Whitened(reward, isToken).detach();
        var weight = TokenPolicyGradient.RolloutWeight(old, rollout, isToken, correction, 0.5, 2);
        return TokenPolicyGradient.Ppo(policy, old, advantage, isToken, weight, dualClip: 3).loss
            + TokenPolicyGradient.Value(value, oldValue, returns, isToken).loss
            + TokenPolicyGradient.PpoWithValue(policy, old, reward, value, oldValue, returns, isToken).loss;
    }

    [Objective]
    internal static Tensor PoliciesFromLogits(
        [Axes("sequence token vocab")] Tensor logits,
        [Axes("sequence token")] Tensor labels,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor reward,
        [Axes("sequence"), NoGrad] Tensor group,
        [Axes("sequence token")] Tensor value)
    {
        var advantage = TokenPolicyGradient.GroupNormalised(reward, (group > 0).to_type(ScalarType.Int64), zeros(2), true).detach();
        return PolicyGradientFromLogits.Grpo(logits, labels, isToken, advantage, old).loss
            + PolicyGradientFromLogits.Dapo(logits, labels, isToken, old, advantage).loss
            + PolicyGradientFromLogits.TopEntropy(logits, labels, isToken, old, advantage, value.detach().mean()).loss
            + PolicyGradientFromLogits.Ppo(logits, labels, isToken, old, old, value, old, old, entropyWeight: 0.1, dualClip: 3).loss
            + PolicyGradientFromLogits.Reinforce(logits, labels, isToken, advantage, entropyWeight: 0.1).loss;
    }

    [Objective]
    internal static Tensor Distilled(
        [Axes("row token vocab")] Tensor logits,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isToken,
        [Axes("row token"), NoGrad] Tensor teacherTokens) =>
        Distillation.ForwardKl(logits, teacher, isToken).loss
        + Distillation.ReverseKl(logits, teacher, isToken).loss
        + Distillation.Gkd(logits, teacher, isToken)
        + Distillation.Skew(logits, teacher, isToken)
        + Distillation.SkewReverse(logits, teacher, isToken)
        + Distillation.AlphaDivergence(logits, teacher, isToken)
        + Distillation.TotalVariation(logits, teacher, isToken)
        + Distillation.Cosine(logits, teacher, isToken)
        + Distillation.OnPolicy(logits, labels, isToken, teacherTokens).loss
        + Distillation.ImportanceWeighted(logits, labels, isToken, teacherTokens, teacherTokens.square()).loss
        + Distillation.SymmetricKl(logits, teacher, isToken)
        + Preference.Focal(logits, labels, isToken, entropyWeight: 0.1).loss
        + Preference.LabelHinge(logits, labels, isToken).loss;
}
