using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <content>Single responses, each good or bad.</content>
public static partial class Preference
{
    /// <summary>
    /// KTO, Ethayarajh et al. 2024, eqs. 7 and 8: <c>w (1 - sigmoid(beta (r - z)))</c> for a good response and <c>w (1 - sigmoid(beta (z - r)))</c> for a
    /// bad one, z = max(0, mean KL) estimated from mismatched pairs, without gradient. Rows whose loss is NaN are left out of the mean, as in TRL.
    /// </summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [example].</param>
    /// <param name="reference">... under the frozen reference.</param>
    /// <param name="isDesirable">Whether each response is good, Boolean.</param>
    /// <param name="policyMismatched">Sequence log-probabilities under the policy of responses to other prompts, [other].</param>
    /// <param name="referenceMismatched">... under the reference.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="desirableWeight">The weight of good responses.</param>
    /// <param name="undesirableWeight">The weight of bad ones.</param>
    /// <param name="kl">z, a scalar tensor, where it is known from the whole batch; mismatched responses are then not looked at.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of responses of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the implicit rewards [example], and the estimate z.</returns>
    [Objective]
    public static (Tensor loss, Tensor reward, Tensor kl) Kto(
        [Axes("example")] Tensor policy,
        [Axes("example"), NoGrad] Tensor reference,
        [Axes("example"), NoGrad] Tensor isDesirable,
        [Axes("other"), NoGrad] Tensor policyMismatched,
        [Axes("other"), NoGrad] Tensor referenceMismatched,
        double beta = 0.1,
        double desirableWeight = 1.0,
        double undesirableWeight = 1.0,
        [Axes(""), NoGrad] Tensor? kl = null,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var z = kl is null ? KtoDivergence(policyMismatched, referenceMismatched) : kl;
        var logRatio = policy - reference;
        var losses = KtoLosses(beta * (logRatio - z), isDesirable, desirableWeight, undesirableWeight);
        return (MeanOfNumbers(losses, normaliser), (beta * logRatio).detach(), z.detach());
    }

    /// <summary>
    /// KTO's z, <c>max(0, mean KL)</c> over responses to other prompts, without gradient. Under data parallelism it is the mean of all processes' log-ratios,
    /// computed before the loss.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor KtoDivergence(Tensor policyMismatched, Tensor referenceMismatched) =>
        (policyMismatched - referenceMismatched).mean().clamp_min(0).detach();

    /// <summary>KTO's losses of rewards less beta z: each class with its weight.</summary>
    [ObjectiveFunction]
    public static Tensor KtoLosses(Tensor reward, Tensor isDesirable, double desirableWeight, double undesirableWeight) =>
        where(isDesirable, desirableWeight * (-reward).sigmoid(), undesirableWeight * reward.sigmoid());

    /// <summary>APO-zero for single responses, D'Oosterlinck et al. 2024: <see cref="Kto"/> with z = 0 and without weights.</summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [example].</param>
    /// <param name="reference">... under the frozen reference.</param>
    /// <param name="isDesirable">Whether each response is good, Boolean.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of responses of the whole batch. Their number here where null.</param>
    /// <returns>The loss and the implicit rewards [example].</returns>
    [Objective]
    public static (Tensor loss, Tensor reward) ApoZeroUnpaired(
        [Axes("example")] Tensor policy,
        [Axes("example"), NoGrad] Tensor reference,
        [Axes("example"), NoGrad] Tensor isDesirable,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var reward = ImplicitReward(policy, reference, beta);
        return (MeanOfNumbers(where(isDesirable, -reward, reward).sigmoid(), normaliser), reward.detach());
    }

    /// <summary>
    /// BCO, Jung et al. 2024: a classifier of good and bad responses, <c>-log sigmoid(+-(reward - delta))</c>, whose threshold delta is the
    /// running mean of rewards.
    /// </summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [example].</param>
    /// <param name="reference">... under the frozen reference.</param>
    /// <param name="isDesirable">Whether each response is good, Boolean.</param>
    /// <param name="delta">The running mean of rewards, a scalar tensor: feed back the returned batch mean.</param>
    /// <param name="weight">Weights of the examples (underlying distribution matching), [example]; 1 where null.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of responses of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the implicit rewards [example], and their mean.</returns>
    [Objective]
    public static (Tensor loss, Tensor reward, Tensor meanReward) Bco(
        [Axes("example")] Tensor policy,
        [Axes("example"), NoGrad] Tensor reference,
        [Axes("example"), NoGrad] Tensor isDesirable,
        [Axes(""), NoGrad] Tensor delta,
        [Axes("example"), NoGrad] Tensor? weight = null,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var reward = ImplicitReward(policy, reference, beta);
        var lead = reward - delta;
        var losses = -logsigmoid(where(isDesirable, lead, -lead));
        if (weight is not null)
            losses *= weight;
        return (Mean(losses, normaliser), reward.detach(), reward.mean().detach());
    }

    /// <summary>
    /// BCO's weights of bad responses (underlying distribution matching, Jung et al. 2024, section 4.2; TRL's bounds): <c>p / (1 - p)</c> of the chance p that a
    /// prompt is one that good responses were given to, within 0.5 and 10; without gradient.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor DistributionWeight(Tensor chance) => (chance / (1 - chance)).clamp(0.5, 10).detach();
}
