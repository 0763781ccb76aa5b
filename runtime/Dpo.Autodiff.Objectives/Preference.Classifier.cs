using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <content>Losses that classify responses, or match the distribution of the better one.</content>
public static partial class Preference
{
    /// <summary>
    /// EXO for pairs, Ji et al. 2024, eq. 16: the divergence of <c>q = (sigmoid(m), sigmoid(-m))</c> from the labels <c>(1 - e, e)</c>.
    /// </summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the rejected ones under it.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="labelSmoothing">The share e of labels that are taken to be flipped, above 0.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) Exo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        double labelSmoothing = 1e-3,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        var reward = chosenReward - rejectedReward;
        var losses = reward.sigmoid() * (logsigmoid(reward) - Math.Log(1 - labelSmoothing))
            + (-reward).sigmoid() * (logsigmoid(-reward) - Math.Log(labelSmoothing));
        return WithMetrics(losses, chosenReward, rejectedReward, normaliser);
    }

    /// <summary>
    /// NCA for pairs, Chen et al. 2024 (noise contrastive alignment): the mean of
    /// <c>-log sigmoid(c) - log sigmoid(-c) / 2 - log sigmoid(-d) / 2</c> of the chosen and the rejected reward c and d.
    /// </summary>
    /// <inheritdoc cref="Hinge" path="/param"/>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) Nca(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        var losses = -logsigmoid(chosenReward) - 0.5 * logsigmoid(-chosenReward) - 0.5 * logsigmoid(-rejectedReward);
        return WithMetrics(losses, chosenReward, rejectedReward, normaliser);
    }

    /// <summary>
    /// BCO for pairs without a shift, Jung et al. 2024: a classifier of good and bad responses, <c>-log sigmoid(c) - log sigmoid(-d)</c>.
    /// </summary>
    /// <inheritdoc cref="Hinge" path="/param"/>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) BcoPair(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        return WithMetrics(-logsigmoid(chosenReward) - logsigmoid(-rejectedReward), chosenReward, rejectedReward, normaliser);
    }

    /// <summary>
    /// DiscoPOP, Lu et al. 2024, eq. 5: the margin's logistic and exponential losses, blended by <c>g = sigmoid(m / tau)</c>:
    /// <c>-(1 - g) log sigmoid(m) + g exp(-m)</c>.
    /// </summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the rejected ones under it.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="tau">The temperature of the blend, at most 1.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) DiscoPop(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        double tau = 0.05,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        var reward = chosenReward - rejectedReward;
        // exp(-m) g as one exponential, which is finite where exp(-m) is not.
        var losses = exp(logsigmoid(reward / tau) - reward) - (-reward / tau).sigmoid() * logsigmoid(reward);
        return WithMetrics(losses, chosenReward, rejectedReward, normaliser);
    }
}
