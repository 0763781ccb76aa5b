using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <content>Losses that say where the chosen response's own probability should go, not only the difference.</content>
public static partial class Preference
{
    /// <summary>
    /// APO-zero, D'Oosterlinck et al. 2024, eq. 7: chosen responses up, rejected ones down: <c>1 - sigmoid(c) + sigmoid(d)</c> of the rewards c
    /// and d. For a policy that is worse than the chosen responses.
    /// </summary>
    /// <inheritdoc cref="Hinge" path="/param"/>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) ApoZero(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        return WithMetrics((-chosenReward).sigmoid() + rejectedReward.sigmoid(), chosenReward, rejectedReward, normaliser);
    }

    /// <summary>
    /// APO-down, D'Oosterlinck et al. 2024, eq. 8: chosen responses down, rejected ones further: <c>sigmoid(c) + 1 - sigmoid(c - d)</c>. For a
    /// policy that is better than the chosen responses.
    /// </summary>
    /// <inheritdoc cref="Hinge" path="/param"/>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) ApoDown(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        return WithMetrics(chosenReward.sigmoid() + (rejectedReward - chosenReward).sigmoid(), chosenReward, rejectedReward, normaliser);
    }

    /// <summary>
    /// DPO-positive, Pal et al. 2024 (Smaug): DPO with a penalty where the chosen response is less likely than under the reference,
    /// <c>-log sigmoid(m - beta lambda max(0, referenceChosen - chosen))</c>.
    /// </summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the rejected ones under it.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="lambda">The weight of the penalty.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) Positive(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.3,
        double lambda = 50.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        return WithMetrics(-logsigmoid(chosenReward - rejectedReward - lambda * relu(-chosenReward)), chosenReward, rejectedReward, normaliser);
    }

    /// <summary>
    /// DPO of log-ratios per token (TRL's sigmoid_norm): <c>-log sigmoid(beta (r_chosen / length - r_rejected / length))</c>.
    /// </summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the rejected ones under it.</param>
    /// <param name="chosenLength">The number of tokens of each chosen response.</param>
    /// <param name="rejectedLength">... of each rejected one.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) SigmoidNorm(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        [Axes("pair"), NoGrad] Tensor chosenLength,
        [Axes("pair"), NoGrad] Tensor rejectedLength,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        return WithMetrics(-logsigmoid(PerToken(chosenReward, chosenLength) - PerToken(rejectedReward, rejectedLength)), chosenReward, rejectedReward, normaliser);
    }
}
