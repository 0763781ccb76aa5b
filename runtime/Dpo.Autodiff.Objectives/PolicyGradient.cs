using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary>Policy-gradient objectives over whole responses: log-probabilities are summed over a response's tokens.</summary>
/// <remarks>
/// <list type="table">
/// <item><term><see cref="Reinforce"/></term><description>with a baseline (Williams 1992)</description></item>
/// <item><term><see cref="Ppo"/></term><description>the clipped surrogate, with dual clipping</description></item>
/// <item><term><see cref="Rloo"/></term><description>leave-one-out baseline of a group</description></item>
/// <item><term><see cref="Opo"/></term><description>the optimal baseline of a group, weighted by lengths</description></item>
/// <item><term><see cref="Grpo"/></term><description>rewards normalised within a group</description></item>
/// <item><term><see cref="Gspo"/></term><description>the same with ratios per token of a sequence</description></item>
/// <item><term><see cref="AStarPo"/></term><description>regression to advantages over the optimal value</description></item>
/// <item><term><see cref="KlPenalty"/></term><description>a divergence estimated from samples</description></item>
/// </list>
/// Rewards, advantages and log-probabilities of older policies carry no gradient. Log-ratios are held within +-20 before their exponential, as in
/// verl, so that no ratio overflows.
/// </remarks>
public static partial class PolicyGradient
{
    /// <summary>The bound on log-ratios.</summary>
    private const double LargestLogRatio = 20.0;

    /// <summary>REINFORCE, Williams 1992: the mean of <c>-(reward - baseline) log policy</c>.</summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [sequence].</param>
    /// <param name="reward">The reward of each sequence.</param>
    /// <param name="baseline">What each reward is compared with; 0 where null.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the advantages [sequence].</returns>
    [Objective]
    public static (Tensor loss, Tensor advantage) Reinforce(
        [Axes("sequence")] Tensor policy,
        [Axes("sequence"), NoGrad] Tensor reward,
        [Axes("sequence"), NoGrad] Tensor? baseline = null,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var advantage = (baseline is null ? reward : reward - baseline).detach();
        return (-Preference.Mean(advantage * policy, normaliser), advantage);
    }

    /// <summary>
    /// PPO's clipped surrogate, Schulman et al. 2017, eq. 7, with the dual clip of Ye et al. 2020: for a negative advantage the loss is at most
    /// <c>-c A</c>.
    /// </summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [sequence].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence.</param>
    /// <param name="epsilon">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1; epsilon where null.</param>
    /// <param name="dualClip">c, above 1 (verl: 3); no dual clip where null.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the share of sequences whose loss is the clipped one, and the k1 estimate of the divergence from the old policy.</returns>
    [Objective]
    public static (Tensor loss, Tensor clipShare, Tensor kl) Ppo(
        [Axes("sequence")] Tensor policy,
        [Axes("sequence"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        double epsilon = 0.2,
        double? epsilonHigh = null,
        double? dualClip = null,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var logRatio = policy - old;
        var (losses, clipped) = ClippedSurrogate(logRatio, advantage, epsilon, epsilonHigh ?? epsilon);
        if (dualClip is { } bound)
            losses = where(advantage < 0, minimum(losses, -bound * advantage), losses);
        return (Preference.Mean(losses, normaliser), clipped.mean(), -logRatio.mean().detach());
    }

    /// <summary>
    /// RLOO, Ahmadian et al. 2024: each reward, less the divergence from the reference, is compared with the mean of the others of its group.
    /// With the log-probabilities of an older policy the surrogate is PPO's, as in TRL; without, it is REINFORCE's.
    /// </summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [group sample].</param>
    /// <param name="reward">The reward of each sample.</param>
    /// <param name="reference">Log-probabilities under the frozen reference; no divergence where null.</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <param name="epsilon">How far from 1 the ratio counts.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of samples of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the advantages [group sample].</returns>
    [Objective]
    public static (Tensor loss, Tensor advantage) Rloo(
        [Axes("group sample")] Tensor policy,
        [Axes("group sample"), NoGrad] Tensor reward,
        [Axes("group sample"), NoGrad] Tensor? reference = null,
        [Axes("group sample"), NoGrad] Tensor? old = null,
        double beta = 0.05,
        double epsilon = 0.2,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var penalised = reference is null ? reward : reward - beta * (policy - reference).detach();
        var advantage = LeaveOneOut(penalised).detach();
        if (old is null)
            return (-Preference.Mean(advantage * policy, normaliser), advantage);
        var (losses, _) = ClippedSurrogate(policy - old, advantage, epsilon, epsilon);
        return (Preference.Mean(losses, normaliser), advantage);
    }

    /// <summary>OPO, Hao et al. 2025: on the policy itself, REINFORCE whose baseline is the optimal one, see <see cref="LengthWeighted"/>.</summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [group sample].</param>
    /// <param name="length">The number of tokens of each sample.</param>
    /// <param name="reward">The reward of each sample.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of samples of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the advantages [group sample].</returns>
    [Objective]
    public static (Tensor loss, Tensor advantage) Opo(
        [Axes("group sample")] Tensor policy,
        [Axes("group sample"), NoGrad] Tensor length,
        [Axes("group sample"), NoGrad] Tensor reward,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var advantage = LengthWeighted(reward, length).detach();
        return (-Preference.Mean(advantage * policy, normaliser), advantage);
    }

    /// <summary>
    /// GRPO, Shao et al. 2024, eq. 3, over whole sequences: advantages are rewards normalised within their group, and the k3 estimate of the
    /// divergence from the reference is added beta times.
    /// </summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [group sample].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="reward">The reward of each sample.</param>
    /// <param name="reference">Log-probabilities under the frozen reference; no divergence where null.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <param name="epsilon">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1; epsilon where null (DAPO: 0.28).</param>
    /// <param name="scaleRewards">Divides by the group's standard deviation; Dr. GRPO (Liu et al. 2025) does not.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of samples of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the advantages [group sample], the share of samples whose loss is the clipped one, and the mean divergence.</returns>
    [Objective]
    public static (Tensor loss, Tensor advantage, Tensor clipShare, Tensor kl) Grpo(
        [Axes("group sample")] Tensor policy,
        [Axes("group sample"), NoGrad] Tensor old,
        [Axes("group sample"), NoGrad] Tensor reward,
        [Axes("group sample"), NoGrad] Tensor? reference = null,
        double beta = 0.04,
        double epsilon = 0.2,
        double? epsilonHigh = null,
        bool scaleRewards = true,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var advantage = GroupNormalised(reward, scaleRewards).detach();
        var (losses, clipped) = ClippedSurrogate(policy - old, advantage, epsilon, epsilonHigh ?? epsilon);
        if (reference is null)
            return (Preference.Mean(losses, normaliser), advantage, clipped.mean(), zeros_like(losses).mean());
        var kl = Kl(policy, reference, KlEstimator.K3);
        return (Preference.Mean(losses + beta * kl, normaliser), advantage, clipped.mean(), kl.mean().detach());
    }

    /// <summary>
    /// GSPO, Zheng et al. 2025: GRPO whose ratio is the sequence's to the power of one over its length.
    /// </summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [group sample].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="length">The number of tokens of each sample.</param>
    /// <param name="reward">The reward of each sample.</param>
    /// <param name="epsilon">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of samples of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the advantages [group sample], and the share of samples whose loss is the clipped one.</returns>
    [Objective]
    public static (Tensor loss, Tensor advantage, Tensor clipShare) Gspo(
        [Axes("group sample")] Tensor policy,
        [Axes("group sample"), NoGrad] Tensor old,
        [Axes("group sample"), NoGrad] Tensor length,
        [Axes("group sample"), NoGrad] Tensor reward,
        double epsilon = 3e-4,
        double epsilonHigh = 4e-4,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var advantage = GroupNormalised(reward, true).detach();
        var (losses, clipped) = ClippedSurrogate(Preference.PerToken(policy - old, length), advantage, epsilon, epsilonHigh);
        return (Preference.Mean(losses, normaliser), advantage, clipped.mean());
    }

    /// <summary>
    /// A*-PO, Brantley et al. 2025: the mean of <c>(beta (policy - reference) - (reward - value))^2</c>, value the optimal one of the prompt, estimated
    /// from samples of the reference: <see cref="OptimalValue"/>.
    /// </summary>
    /// <param name="policy">Sequence log-probabilities under the policy, [sequence].</param>
    /// <param name="reference">... under the frozen reference.</param>
    /// <param name="reward">The reward of each sequence.</param>
    /// <param name="value">The optimal value of each sequence's prompt.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the advantages [sequence].</returns>
    [Objective]
    public static (Tensor loss, Tensor advantage) AStarPo(
        [Axes("sequence")] Tensor policy,
        [Axes("sequence"), NoGrad] Tensor reference,
        [Axes("sequence"), NoGrad] Tensor reward,
        [Axes("sequence"), NoGrad] Tensor value,
        double beta = 1e-3,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var advantage = (reward - value).detach();
        return (Preference.Mean((beta * (policy - reference) - advantage).square(), normaliser), advantage);
    }

    /// <summary>The mean of a divergence's estimate from samples (Schulman 2020, Approximating KL divergence).</summary>
    /// <param name="policy">Log-probabilities under the policy, [sequence].</param>
    /// <param name="reference">... under the frozen reference.</param>
    /// <param name="estimator">Which estimate.</param>
    /// <param name="straightThrough">Takes the gradient of k2, which is the divergence's own in expectation, whatever the value.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The mean, and each estimate [sequence].</returns>
    [Objective]
    public static (Tensor loss, Tensor estimate) KlPenalty(
        [Axes("sequence")] Tensor policy,
        [Axes("sequence"), NoGrad] Tensor reference,
        KlEstimator estimator = KlEstimator.K3,
        bool straightThrough = false,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var estimate = Kl(policy, reference, estimator);
        if (straightThrough)
            estimate = StraightThrough(estimate, Kl(policy, reference, KlEstimator.K2));

        return (Preference.Mean(estimate, normaliser), estimate.detach());
    }
}
