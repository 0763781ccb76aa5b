using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <summary>Objectives of this assembly that are made of every objective of the catalogue, read from its attributes.</summary>
/// <remarks>What a callee takes as [NoGrad] is so here too: generated code detaches it there, which is the one intended difference from eager.</remarks>
internal static partial class Compositions
{
    /// <summary>All paired objectives with a reference, each weighted and nested in further work.</summary>
    [Objective]
    internal static (Tensor loss, Tensor chosenReward) Paired(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        FDivergence divergence = FDivergence.ReverseKl)
    {
        var (loss, chosenReward, _) = Preference.Dpo(2 * chosen, rejected.square(), referenceChosen, referenceRejected, beta, 0.1, false, divergence);
        loss += 0.5 * Preference.Hinge(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        loss += Preference.Robust(chosen, rejected, referenceChosen, referenceRejected, beta, 0.2).loss;
        loss += 1e-3 * Preference.Ipo(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        loss += 1e-3 * Preference.Sppo(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        loss += Preference.Exo(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        loss += Preference.Nca(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        loss += Preference.BcoPair(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        loss += Preference.DiscoPop(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        loss += Preference.ApoZero(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        loss += Preference.ApoDown(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        loss += Preference.Positive(chosen, rejected, referenceChosen, referenceRejected, beta).loss;
        return (loss, chosenReward);
    }

    [Objective]
    internal static Tensor Sorted(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected) =>
        Preference.Aot(chosen, rejected, referenceChosen, referenceRejected).loss
        + Preference.AotUnpaired(chosen, rejected, referenceChosen, referenceRejected, labelSmoothing: 0.1).loss;

    [Objective]
    internal static Tensor Lengths(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        [Axes("pair")] Tensor chosenLength,
        [Axes("pair")] Tensor rejectedLength,
        [Axes("pair")] Tensor isTie) =>
        Preference.SigmoidNorm(chosen, rejected, referenceChosen, referenceRejected, chosenLength, rejectedLength).loss
        + Preference.Ipo(chosen, rejected, referenceChosen, referenceRejected, 1.0, chosenLength, rejectedLength).loss
        + Preference.DpoDavidson(chosen, rejected, referenceChosen, referenceRejected, isTie).loss
        + Preference.DpoRaoKupper(chosen, rejected, referenceChosen, referenceRejected, isTie).loss;

    [Objective]
    internal static Tensor ReferenceFree([Axes("pair")] Tensor chosen, [Axes("pair")] Tensor rejected, [Axes("")] Tensor nll, PairLoss loss = PairLoss.Sigmoid) =>
        Preference.SimPo(chosen, rejected, loss: loss).loss
        + Preference.SimPo(Preference.AlphaReward(chosen, 0.25), Preference.AlphaReward(rejected, 0), loss: loss).loss
        + Preference.AlphaPo(chosen, rejected).loss
        + Preference.Cpo(chosen, rejected, nll, loss: loss).loss
        + Preference.Orpo(-chosen.square() - 0.1, -rejected.square() - 0.1, nll).loss
        + RewardModel.BradleyTerry(chosen, rejected, null, 0.01).loss
        + Thurstone.Pairwise(chosen, rejected).loss;

    [Objective]
    internal static Tensor Unpaired(
        [Axes("example")] Tensor policy,
        [Axes("example"), NoGrad] Tensor reference,
        [Axes("example")] Tensor isDesirable,
        [Axes(""), NoGrad] Tensor delta) =>
        Preference.Kto(policy, reference, isDesirable, policy, reference).loss
        + Preference.Kto(policy, reference, isDesirable, policy, reference, kl: delta).loss
        + Preference.ApoZeroUnpaired(policy, reference, isDesirable).loss
        + Preference.Bco(policy, reference, isDesirable, delta).loss;

    [Objective]
    internal static Tensor Strengths(
        [Axes("player")] Tensor strength,
        [Axes("")] Tensor tie,
        [Axes("game")] Tensor first,
        [Axes("game")] Tensor second,
        [Axes("game"), NoGrad] Tensor firstWins,
        [Axes("game"), NoGrad] Tensor secondWins,
        [Axes("game"), NoGrad] Tensor ties) =>
        BradleyTerry.Wins(strength, first, second, firstWins).loss
        + BradleyTerry.Games(strength, first, second, firstWins, secondWins, tie).loss
        + BradleyTerry.Davidson(strength, tie, first, second, firstWins, secondWins, ties).loss
        + BradleyTerry.RaoKupper(strength, tie, first, second, firstWins, secondWins, ties).loss
        + Thurstone.CaseFive(strength, first, second, firstWins, secondWins).loss;

    [Objective]
    internal static Tensor Labelled([Axes("pair")] Tensor first, [Axes("pair")] Tensor second, [Axes("pair"), NoGrad] Tensor preference) =>
        RewardModel.Davidson(first, second, preference).loss + RewardModel.RaoKupper(first, second, preference).loss;

    [Objective]
    internal static Tensor Lists(
        [Axes("list item")] Tensor score,
        [Axes("list item"), NoGrad] Tensor reference,
        [Axes("list item")] Tensor isPresent,
        [Axes("list")] Tensor chosen) =>
        PlackettLuce.Ranking(score, isPresent).loss
        + PlackettLuce.Dpo(score, reference).loss
        + PlackettLuce.SoftmaxDpo(chosen, score, chosen.detach() + 1, reference).loss
        + PlackettLuce.ListNet(score, reference);

    [Objective]
    internal static Tensor Groups(
        [Axes("group sample")] Tensor policy,
        [Axes("group sample"), NoGrad] Tensor old,
        [Axes("group sample"), NoGrad] Tensor reward,
        [Axes("group sample"), NoGrad] Tensor reference,
        [Axes("group sample")] Tensor length) =>
        PolicyGradient.Rloo(policy, reward, reference, old).loss
        + PolicyGradient.Rloo(policy, reward).loss
        + PolicyGradient.Grpo(policy, old, reward, reference, scaleRewards: false).loss
        + PolicyGradient.Gspo(policy, old, length, reward).loss
        + PolicyGradient.Opo(policy, length, reward).loss;

    [Objective]
    internal static Tensor Sequences([Axes("sequence")] Tensor policy, [Axes("sequence"), NoGrad] Tensor old, [Axes("sequence"), NoGrad] Tensor reward) =>
        PolicyGradient.Reinforce(policy, reward).loss
        + PolicyGradient.Ppo(policy, old, reward, dualClip: 3.0).loss
        + PolicyGradient.AStarPo(policy, old, reward, reward.square(), 0.1).loss
        + PolicyGradient.KlPenalty(policy, old).loss;
}
