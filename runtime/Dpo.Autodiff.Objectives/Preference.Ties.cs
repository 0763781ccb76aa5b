using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <content>DPO where annotators may find two responses equally good, Chen et al. 2024 (accommodating ties).</content>
public static partial class Preference
{
    /// <summary>DPO-D, Chen et al. 2024: DPO with Davidson's ties (<see cref="RewardModel.Davidson"/>) of the implicit rewards.</summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair]; of one of two equals at a tie.</param>
    /// <param name="rejected">... of the rejected ones; of the other at a tie.</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the rejected ones under it.</param>
    /// <param name="isTie">Whether each pair is a tie, Boolean.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="logTie">log nu: 0 makes a tie of equals as likely as either's win.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) DpoDavidson(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        [Axes("pair"), NoGrad] Tensor isTie,
        double beta = 0.1,
        double logTie = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        var reward = chosenReward - rejectedReward;
        var decided = BradleyTerry.DavidsonLogOdds(reward, logTie);
        var losses = -where(isTie, logsigmoid(-decided), logsigmoid(reward) + logsigmoid(decided));
        return WithMetrics(losses, chosenReward, rejectedReward, normaliser);
    }

    /// <summary>DPO-RK, Chen et al. 2024: DPO with Rao and Kupper's ties (<see cref="RewardModel.RaoKupper"/>) of the implicit rewards.</summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair]; of one of two equals at a tie.</param>
    /// <param name="rejected">... of the rejected ones; of the other at a tie.</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the rejected ones under it.</param>
    /// <param name="isTie">Whether each pair is a tie, Boolean.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="logTie">log(theta - 1): how wide the threshold is.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) DpoRaoKupper(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        [Axes("pair"), NoGrad] Tensor isTie,
        double beta = 0.1,
        double logTie = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        var (win, _, tie) = BradleyTerry.RaoKupperLogChances(chosenReward - rejectedReward, logTie);
        return WithMetrics(-where(isTie, tie, win), chosenReward, rejectedReward, normaliser);
    }
}
