using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>What the objectives are made of; objectives of other assemblies can call these too.</content>
public static partial class TokenPolicyGradient
{
    /// <summary>
    /// PPO's pessimistic surrogate at every token (Schulman et al. 2017, eq. 7), and 1 where the ratio is below and a negative advantage would lower it
    /// further, and where it is above and a positive one would raise it.
    /// </summary>
    [ObjectiveFunction]
    public static (Tensor losses, Tensor isLow, Tensor isHigh) Surrogate(Tensor logRatio, Tensor advantage, double epsilonLow, double epsilonHigh)
    {
        var (losses, _) = PolicyGradient.ClippedSurrogate(logRatio, advantage, epsilonLow, epsilonHigh);
        var ratio = PolicyGradient.Ratio(logRatio);
        var isLow = (ratio < 1 - epsilonLow) & (advantage < 0);
        var isHigh = (ratio > 1 + epsilonHigh) & (advantage > 0);
        return (losses, isLow.type_as(losses), isHigh.type_as(losses));
    }

    /// <summary>The dual clip of Ye et al. 2020: for a negative advantage a loss is at most <c>-c A</c>.</summary>
    [ObjectiveFunction]
    public static Tensor DualClipped(Tensor losses, Tensor advantage, double bound) =>
        where(advantage < 0, minimum(losses, -bound * advantage), losses);

    /// <summary>
    /// Whether a sequence may be learnt from, [sequence]: its advantage is not negative, or it was sampled, in the mean over its tokens, within a threshold of
    /// this policy's log-probabilities (the off-policy mask of DeepSeek-V3.2). Tokens of others are taken out of <c>isToken</c>.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor IsNearPolicy(Tensor policy, Tensor rollout, Tensor advantage, Tensor isToken, double threshold) =>
        (advantage >= 0) | (Tokens.PerSequence(rollout - policy, isToken) <= threshold);

    /// <summary>A squared error, or that of the value held near the old one where it is larger; and 1 where it is (Schulman's code of PPO).</summary>
    [ObjectiveFunction]
    public static (Tensor losses, Tensor isClipped) ClippedSquares(Tensor value, Tensor oldValue, Tensor returns, double epsilon)
    {
        var plain = (value - returns).square();
        var clipped = (oldValue + (value - oldValue).clamp(-epsilon, epsilon) - returns).square();
        return (maximum(plain, clipped), (clipped > plain).type_as(plain));
    }

    /// <summary>
    /// What corrects for samples of an engine whose probabilities are not quite those of the old policy (Yao et al. 2025), as a factor of each token's
    /// loss, without gradient.
    /// </summary>
    /// <param name="old">Log-probabilities of the tokens under the old policy, as the trainer computes them, [... token].</param>
    /// <param name="rollout">... as the engine did that sampled them.</param>
    /// <param name="isToken">Whether a token counts.</param>
    /// <param name="correction">How.</param>
    /// <param name="low">The least ratio.</param>
    /// <param name="high">The largest ratio.</param>
    [ObjectiveFunction]
    public static Tensor RolloutWeight(Tensor old, Tensor rollout, Tensor isToken, RolloutCorrection correction, double low, double high)
    {
        var ratio = PolicyGradient.Ratio(where(isToken, old - rollout, 0.0)).detach();
        switch (correction)
        {
            case RolloutCorrection.Truncated:
                return ratio.clamp(low, high);
            case RolloutCorrection.IcePop:
                return where((ratio >= low) & (ratio <= high), ratio, 0.0);
            case RolloutCorrection.SequenceMask:
                var sequence = PolicyGradient.Ratio(Tokens.PerSequence(old - rollout, isToken)).detach();
                return where(((sequence >= low) & (sequence <= high)).unsqueeze(-1), ratio, 0.0);
            default:
                throw new ArgumentOutOfRangeException(nameof(correction));
        }
    }

    /// <summary>Values moved and scaled to mean 0 (unless kept) and variance 1 over all tokens that count, as TRL whitens rewards and advantages.</summary>
    [ObjectiveFunction]
    public static Tensor Whitened(Tensor values, Tensor isToken, bool shiftMean = true)
    {
        var mean = Tokens.Mean(values, isToken, null);
        var count = isToken.sum();
        var variance = Tokens.Mean((values - mean).square(), isToken, null) * (count / (count - 1));
        var whitened = (values - mean) * rsqrt(variance + 1e-8);
        return shiftMean ? whitened : whitened + mean;
    }

    /// <summary>
    /// Each reward less its group's mean, divided by the group's standard deviation plus 1e-4 (Shao et al. 2024), for groups of any size.
    /// </summary>
    /// <param name="reward">[sample].</param>
    /// <param name="group">The number of each sample's group, [sample], int64.</param>
    /// <param name="like">A tensor with an element for each group.</param>
    /// <param name="scale">Divides; Dr. GRPO (Liu et al. 2025) does not.</param>
    [ObjectiveFunction]
    public static Tensor GroupNormalised(Tensor reward, Tensor group, Tensor like, bool scale)
    {
        var count = Packed.SequenceSums(ones_like(reward), group, like);
        var centred = reward - (Packed.SequenceSums(reward, group, like) / count).index_select(0, group);
        if (!scale)
            return centred;
        var variance = Packed.SequenceSums(centred.square(), group, like) / (count - 1).clamp_min(1);
        return centred / (variance.sqrt().index_select(0, group) + 1e-4);
    }

    /// <summary>
    /// Each token's return less the optimal baseline of its place, as verl has it (optimal token baseline): the mean over the group of the returns, weighted by
    /// what each sample's score function varies up to there, the sum of <c>1 - 2 p + sum p^2</c> over its tokens so far; without gradient.
    /// </summary>
    /// <param name="returns">What each token's future is worth, [group sample token].</param>
    /// <param name="policy">The log-probability of each token, [group sample token].</param>
    /// <param name="collision">The sum of the squared probabilities of each token's distribution, [group sample token]: <see cref="Tokens.Collision"/>.</param>
    /// <param name="isToken">Whether a token counts, [group sample token].</param>
    [ObjectiveFunction]
    public static Tensor OptimalTokenAdvantage(Tensor returns, Tensor policy, Tensor collision, Tensor isToken)
    {
        var variation = where(isToken, 1 - 2 * exp(policy) + collision, 0.0).cumsum(-1);
        var weight = where(isToken, variation, 0.0);
        var baseline = (weight * where(isToken, returns, 0.0)).sum([1], keepdim: true) / (weight.sum([1], keepdim: true) + 1e-8);
        return where(isToken, returns - baseline, 0.0).detach();
    }

    // Weighted by the ratio to the policy that sampled, the estimate's gradient has no bias.
    private static (Tensor losses, Tensor kl) Penalised(Tensor losses, Tensor policy, Tensor old, Tensor? reference, double beta, bool isUnbiased = false)
    {
        if (reference is null)
            return (losses, zeros_like(policy));
        var kl = PolicyGradient.Kl(policy, reference, KlEstimator.K3);
        if (isUnbiased)
            kl *= PolicyGradient.Ratio(policy - old);
        return (losses + beta * kl, kl);
    }

    private static (Tensor loss, Tensor kl, Tensor clipLow, Tensor clipHigh, Tensor clipRegion) WithMetrics(
        Tensor loss, Tensor kl, Tensor isLow, Tensor isHigh, Tensor isToken) =>
        (loss, Tokens.Metric(kl, isToken), Tokens.Metric(isLow, isToken), Tokens.Metric(isHigh, isToken), Tokens.Metric(isLow + isHigh, isToken));
}
