using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <content>From logits.</content>
internal static partial class Compositions
{
    /// <summary>A preference of sequence log-probabilities and a likelihood from logits: one kernel.</summary>
    [Objective]
    internal static Tensor Blend(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        [Axes("pair token vocab")] Tensor logits,
        [Axes("pair token")] Tensor labels,
        [Axes("pair token")] Tensor isToken) =>
        0.8 * Preference.Dpo(chosen, rejected, referenceChosen, referenceRejected).loss + 0.2 * Preference.Sft(logits, labels, isToken).loss;

    [Objective]
    internal static Tensor Concatenated(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor reference,
        [Axes("2*pair token"), NoGrad] Tensor referenceTokens,
        [Axes("pair")] Tensor isOwnPreferred) =>
        PreferenceFromLogits.Dpo(logits, labels, isCompletion, reference).loss
        + 1e-3 * PreferenceFromLogits.Ipo(logits, labels, isCompletion, reference).loss
        + PreferenceFromLogits.SigmoidNorm(logits, labels, isCompletion, reference).loss
        + PreferenceFromLogits.Rpo(logits, labels, isCompletion, reference).loss
        + PreferenceFromLogits.Mpo(logits, labels, isCompletion, reference).loss
        + PreferenceFromLogits.Wpo(logits, labels, isCompletion, reference).loss
        + PreferenceFromLogits.LdDpo(logits, labels, isCompletion, referenceTokens).loss
        + PreferenceFromLogits.Xpo(logits, labels, isCompletion, reference, isOwnPreferred).loss;

    [Objective]
    internal static Tensor FromThePolicyAlone(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("pair goldToken vocab")] Tensor goldLogits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("pair goldToken")] Tensor goldLabels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("pair goldToken")] Tensor isGold) =>
        PreferenceFromLogits.SimPo(logits, labels, isCompletion).loss
        + PreferenceFromLogits.Cpo(logits, labels, isCompletion).loss
        + PreferenceFromLogits.Orpo(logits, labels, isCompletion).loss
        + PreferenceFromLogits.Slic(logits, labels, isCompletion).loss
        + PreferenceFromLogits.Tpo(logits, goldLogits, labels, goldLabels, isCompletion, isGold).loss;

    [Objective]
    internal static Tensor Separate(
        [Axes("pair chosenToken vocab")] Tensor chosenLogits,
        [Axes("pair rejectedToken vocab")] Tensor rejectedLogits,
        [Axes("pair chosenToken")] Tensor chosenLabels,
        [Axes("pair rejectedToken")] Tensor rejectedLabels,
        [Axes("pair chosenToken")] Tensor isChosen,
        [Axes("pair rejectedToken")] Tensor isRejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected) =>
        PreferenceFromLogits.DpoSeparate(chosenLogits, rejectedLogits, chosenLabels, rejectedLabels, isChosen, isRejected, referenceChosen, referenceRejected).loss
        + PreferenceFromLogits.SimPoSeparate(chosenLogits, rejectedLogits, chosenLabels, rejectedLabels, isChosen, isRejected).loss;

    [Objective]
    internal static Tensor Single(
        [Axes("example token vocab")] Tensor logits,
        [Axes("example token")] Tensor labels,
        [Axes("example token")] Tensor isCompletion,
        [Axes("example"), NoGrad] Tensor reference,
        [Axes("example token"), NoGrad] Tensor referenceTokens,
        [Axes("example")] Tensor isDesirable,
        [Axes("example"), NoGrad] Tensor preference,
        [Axes(""), NoGrad] Tensor delta) =>
        PreferenceFromLogits.Kto(logits, labels, isCompletion, reference, isDesirable, delta).loss
        + PreferenceFromLogits.Bco(logits, labels, isCompletion, reference, isDesirable, delta).loss
        + PreferenceFromLogits.NashMd(logits, labels, isCompletion, referenceTokens, preference).loss
        + Tokens.Score(logits, labels, isCompletion).mean()
        + Tokens.Select(logits, labels, isCompletion).logProbability.square().mean();

    [Objective]
    internal static Tensor WithoutPadding(
        [Axes("token vocab")] Tensor logits,
        [Axes("token")] Tensor labels,
        [Axes("token")] Tensor isToken,
        [Axes("token")] Tensor sequence,
        [Axes("sequence"), NoGrad] Tensor length) =>
        Packed.Score(logits, labels, isToken, sequence, length, average: true).mean();

    [Objective]
    internal static Tensor PairsWithoutPadding(
        [Axes("token vocab")] Tensor logits,
        [Axes("token")] Tensor labels,
        [Axes("token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor reference) =>
        Packed.Dpo(logits, labels, isCompletion, labels.clamp_max(reference.shape[0] - 1), reference).loss;

    [Objective]
    internal static Tensor OfParts(
        [Axes("row token vocab")] Tensor logits,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token teacherVocab"), NoGrad] Tensor other,
        [Axes("row token")] Tensor labels,
        [Axes("row token rank")] Tensor top,
        [Axes("row token")] Tensor isToken) =>
        Distillation.TopK(logits, teacher, top, isToken)
        + Distillation.TopK(logits, teacher, top, isToken, beta: 1, addTail: false)
        + Distillation.Universal(logits, other, isToken, teacher[0, 0, 0].square() + 1)
        + Distillation.MiniLlm(logits, teacher, labels, isToken, teacher[.., 0, 0], gamma: 0.9).loss;

    [Objective]
    internal static Tensor OfCovariances(
        [Axes("token")] Tensor policy,
        [Axes("token"), NoGrad] Tensor old,
        [Axes("token"), NoGrad] Tensor advantage,
        [Axes("token")] Tensor isToken,
        [Axes("token"), NoGrad] Tensor draw) =>
        TokenPolicyGradient.ClipCov(policy, old, advantage, isToken, draw).loss
        + TokenPolicyGradient.KlCov(policy, old, advantage, isToken, share: 0.3).loss;

    [Objective]
    internal static Tensor OfSteps([Axes("row token 2")] Tensor logits, [Axes("row token")] Tensor labels, [Axes("row token")] Tensor isToken) =>
        RewardModel.Process(logits, labels.clamp_max(1), isToken).loss;
}
