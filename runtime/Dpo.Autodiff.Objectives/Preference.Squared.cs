using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>Squared losses, which aim at a margin instead of at infinity.</content>
public static partial class Preference
{
    /// <summary>
    /// IPO, Azar et al. 2023, eq. 17: the mean of <c>(r_chosen - r_rejected - 1 / (2 beta))^2</c>. With lengths the log-ratios are per token, as
    /// TRL has it.
    /// </summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the rejected ones under it.</param>
    /// <param name="beta">tau of the paper: the margin aimed at is 1 / (2 beta).</param>
    /// <param name="chosenLength">The number of tokens of each chosen response; log-ratios are sums where null.</param>
    /// <param name="rejectedLength">... of each rejected one.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the implicit rewards [pair], the mean margin and the accuracy.</returns>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) Ipo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        [Axes("pair"), NoGrad] Tensor? chosenLength = null,
        [Axes("pair"), NoGrad] Tensor? rejectedLength = null,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenRatio = chosen - referenceChosen;
        var rejectedRatio = rejected - referenceRejected;
        var losses = (PerToken(chosenRatio, chosenLength) - PerToken(rejectedRatio, rejectedLength) - 1 / (2 * beta)).square();
        return WithMetrics(losses, beta * chosenRatio, beta * rejectedRatio, normaliser);
    }

    /// <summary>
    /// SPPO with hard labels, Wu et al. 2024: <c>(r_chosen - 1 / (2 beta))^2 + (r_rejected + 1 / (2 beta))^2</c>.
    /// </summary>
    /// <inheritdoc cref="Hinge" path="/param"/>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) Sppo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenRatio = chosen - referenceChosen;
        var rejectedRatio = rejected - referenceRejected;
        var target = 1 / (2 * beta);
        var losses = (chosenRatio - target).square() + (rejectedRatio + target).square();
        return WithMetrics(losses, beta * chosenRatio, beta * rejectedRatio, normaliser);
    }
}
