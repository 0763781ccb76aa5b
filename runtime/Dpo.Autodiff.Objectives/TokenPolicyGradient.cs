using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary>Policy-gradient objectives over tokens: log-probabilities are those of each token, [sequence token].</summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>advantages of sequences</term></listheader>
/// <item><term><see cref="Grpo"/></term><description>clipped ratios of tokens, averaged over each sequence first</description></item>
/// <item><term><see cref="Dapo"/>, <see cref="DrGrpo"/></term><description>averaged over all tokens (BNPO, and DAPO with a higher upper bound), over a fixed length</description></item>
/// <item><term><see cref="Gspo"/>, <see cref="GspoToken"/>, <see cref="Luspo"/>, <see cref="Gmpo"/></term><description>ratios of sequences</description></item>
/// <item><term><see cref="Cispo"/>, <see cref="Sapo"/>, <see cref="Vespo"/></term><description>weights that are clipped apart from the gradient, or softly</description></item>
/// <item><term><see cref="Reinforce"/>, <see cref="Rloo"/></term><description>without ratios</description></item>
/// <listheader><term>advantages of tokens</term></listheader>
/// <item><term><see cref="ClipCov"/>, <see cref="KlCov"/></term><description>against the collapse of entropy</description></item>
/// <item><term><see cref="Ppo"/>, <see cref="Value"/>, <see cref="PpoWithValue"/></term><description>the clipped surrogate, with dual clipping, and the critic's loss</description></item>
/// <listheader><term>divergences</term></listheader>
/// <item><term><see cref="KlPenalty"/></term><description>estimated from samples</description></item>
/// </list>
/// <para>
/// <c>isToken</c> says which tokens count, and nothing else is looked at. Means over tokens can be given their number in the whole batch. A
/// divergence from the reference is added where there is one: k3, <c>exp(-d) - 1 + d</c>, beta times. Rewards, advantages, references and older
/// policies carry no gradient. Log-ratios are held within +-20 before their exponential, as in verl, so that no ratio overflows.
/// </para>
/// <para>
/// Trainers know the results as kl, clip_ratio/low_mean, clip_ratio/high_mean and clip_ratio/region_mean (<c>clipLow</c>, <c>clipHigh</c>,
/// <c>clipRegion</c>): means over tokens without gradient.
/// </para>
/// </remarks>
public static partial class TokenPolicyGradient
{
    /// <summary>GRPO, Shao et al. 2024, eq. 3: PPO's surrogate of ratios of tokens, and the k3 divergence; a mean of the sequences' means.</summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence]: <see cref="PolicyGradient.GroupNormalised"/>.</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="reference">Log-probabilities under the frozen reference; no divergence where null.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="delta">The largest ratio that counts for a negative advantage (two-sided clipping, INTELLECT-2): a dual clip.</param>
    /// <param name="unbiasedKl">Multiplies the divergence's estimate by the ratio, so that its gradient is that of the divergence from the reference (DeepSeek-V3.2, 2025).</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the divergence, and the shares of tokens whose ratios are clipped below, above, and at all.</returns>
    [Objective]
    public static (Tensor loss, Tensor kl, Tensor clipLow, Tensor clipHigh, Tensor clipRegion) Grpo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor? reference = null,
        double beta = 0.04,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.2,
        double delta = double.PositiveInfinity,
        bool unbiasedKl = false,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var (surrogate, isLow, isHigh) = Surrogate(policy - old, advantage.unsqueeze(-1), epsilonLow, epsilonHigh);
        var (losses, kl) = Penalised(DualClipped(surrogate, advantage.unsqueeze(-1), delta), policy, old, reference, beta, unbiasedKl);
        return WithMetrics(Tokens.SequenceMean(losses, isToken, normaliser), kl, isLow, isHigh, isToken);
    }

    /// <summary>
    /// DAPO, Yu et al. 2025, eq. 8: ratios count further above 1 than below, and every token counts the same. With one bound it is TRL's BNPO.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="reference">Log-probabilities under the frozen reference; no divergence where null.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="delta">The largest ratio that counts for a negative advantage (two-sided clipping, INTELLECT-2): a dual clip.</param>
    /// <param name="unbiasedKl">Multiplies the divergence's estimate by the ratio, so that its gradient is that of the divergence from the reference (DeepSeek-V3.2, 2025).</param>
    /// <inheritdoc cref="Grpo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor kl, Tensor clipLow, Tensor clipHigh, Tensor clipRegion) Dapo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor? reference = null,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double beta = 0.04,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.28,
        double delta = double.PositiveInfinity,
        bool unbiasedKl = false)
    {
        var (surrogate, isLow, isHigh) = Surrogate(policy - old, advantage.unsqueeze(-1), epsilonLow, epsilonHigh);
        var (losses, kl) = Penalised(DualClipped(surrogate, advantage.unsqueeze(-1), delta), policy, old, reference, beta, unbiasedKl);
        return WithMetrics(Tokens.Mean(losses, isToken, normaliser), kl, isLow, isHigh, isToken);
    }

    /// <summary>
    /// Dr. GRPO, Liu et al. 2025: sums over tokens divided by one length for all, so that no sequence is favoured; its advantages are not
    /// divided by a standard deviation.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="reference">Log-probabilities under the frozen reference; no divergence where null.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="maximalLength">The largest number of tokens that a sequence may have.</param>
    /// <param name="normaliser">How many sequences the sum is divided by, a scalar tensor: their number in the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Grpo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor kl, Tensor clipLow, Tensor clipHigh, Tensor clipRegion) DrGrpo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor? reference = null,
        double beta = 0.0,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.2,
        double maximalLength = 512,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var (surrogate, isLow, isHigh) = Surrogate(policy - old, advantage.unsqueeze(-1), epsilonLow, epsilonHigh);
        var (losses, kl) = Penalised(surrogate, policy, old, reference, beta);
        return WithMetrics(Preference.Mean(where(isToken, losses, 0.0).sum([-1]) / maximalLength, normaliser), kl, isLow, isHigh, isToken);
    }

    /// <summary>The mean of a divergence's estimate at every token (Schulman 2020): <see cref="KlEstimator"/> has values and gradients.</summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="reference">... under the frozen reference.</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="estimator">Which estimate.</param>
    /// <param name="straightThrough">Takes the gradient of k2, which is the divergence's own in expectation, whatever the value.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <returns>The mean over tokens, and each estimate [sequence token], 0 where a token does not count.</returns>
    [Objective]
    public static (Tensor loss, Tensor estimate) KlPenalty(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor reference,
        [Axes("sequence token")] Tensor isToken,
        KlEstimator estimator = KlEstimator.K3,
        bool straightThrough = false,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var estimate = PolicyGradient.Kl(policy, reference, estimator);
        if (straightThrough)
            estimate = PolicyGradient.StraightThrough(estimate, PolicyGradient.Kl(policy, reference, KlEstimator.K2));
        return (Tokens.Mean(estimate, isToken, normaliser), where(isToken, estimate, 0.0).detach());
    }
}
