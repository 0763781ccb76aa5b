using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>Advantages of tokens, and the critic that they come from.</content>
public static partial class TokenPolicyGradient
{
    /// <summary>
    /// PPO's clipped surrogate, Schulman et al. 2017, eq. 7, a mean over tokens, with the dual clip of Ye et al. 2020: for a negative advantage a loss is at
    /// most <c>-c A</c>.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each token, [sequence token]: <see cref="Advantages.Gae"/>.</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="weight">A factor of each token's loss, [sequence token]: <see cref="RolloutWeight"/>. 1 where null.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="dualClip">c, above 1 (verl: 3).</param>
    /// <returns>The loss, the share of tokens whose loss is the clipped one, and the k1 and k2 estimates of the divergence from the old policy.</returns>
    [Objective]
    public static (Tensor loss, Tensor clipShare, Tensor kl, Tensor approximateKl) Ppo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence token"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor? weight = null,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.2,
        double dualClip = double.PositiveInfinity)
    {
        var logRatio = policy - old;
        var (losses, isClipped) = PolicyGradient.ClippedSurrogate(logRatio, advantage, epsilonLow, epsilonHigh);
        losses = DualClipped(losses, advantage, dualClip);
        if (weight is not null)
            losses *= weight;
        return (
            Tokens.Mean(losses, isToken, normaliser),
            Tokens.Metric(isClipped, isToken),
            -Tokens.Metric(logRatio, isToken),
            0.5 * Tokens.Metric(logRatio.square(), isToken));
    }

    /// <summary>
    /// The critic's loss, half the mean of <c>max((V - R)^2, (clip(V, V_old +- epsilon) - R)^2)</c>, as in Schulman's code of PPO.
    /// </summary>
    /// <param name="value">The critic's values, [sequence token].</param>
    /// <param name="oldValue">... when the tokens were sampled.</param>
    /// <param name="returns">What the values should be, [sequence token].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="epsilon">How far a value counts from the old one; infinity is the plain squared error.</param>
    /// <returns>The loss, and the share of tokens whose loss is the clipped one.</returns>
    [Objective]
    public static (Tensor loss, Tensor clipShare) Value(
        [Axes("sequence token")] Tensor value,
        [Axes("sequence token"), NoGrad] Tensor oldValue,
        [Axes("sequence token"), NoGrad] Tensor returns,
        [Axes("sequence token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double epsilon = 0.2)
    {
        var (losses, isClipped) = ClippedSquares(value, oldValue, returns, epsilon);
        return (0.5 * Tokens.Mean(losses, isToken, normaliser), Tokens.Metric(isClipped, isToken));
    }

    /// <summary>PPO, Schulman et al. 2017, eq. 9 without the entropy: the clipped surrogate and the critic's loss, as in TRL and torchtune.</summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each token, [sequence token].</param>
    /// <param name="value">The critic's values, [sequence token].</param>
    /// <param name="oldValue">... when the tokens were sampled.</param>
    /// <param name="returns">What the values should be, [sequence token].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="normaliser">What sums are divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="epsilon">How far from 1 the ratio counts.</param>
    /// <param name="valueEpsilon">How far a value counts from the old one.</param>
    /// <param name="valueWeight">The weight of the critic's loss.</param>
    /// <returns>
    /// The loss, its two parts, the shares of tokens whose losses are the clipped ones, and the k2 estimate of the divergence from the old policy.
    /// </returns>
    [Objective]
    public static (Tensor loss, Tensor policyLoss, Tensor valueLoss, Tensor policyClipShare, Tensor valueClipShare, Tensor approximateKl) PpoWithValue(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence token"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor value,
        [Axes("sequence token"), NoGrad] Tensor oldValue,
        [Axes("sequence token"), NoGrad] Tensor returns,
        [Axes("sequence token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double epsilon = 0.2,
        double valueEpsilon = 0.2,
        double valueWeight = 0.1)
    {
        var (policyLoss, policyClipShare, _, approximateKl) = Ppo(policy, old, advantage, isToken, null, normaliser, epsilon, epsilon);
        var (valueLoss, valueClipShare) = Value(value, oldValue, returns, isToken, normaliser, valueEpsilon);
        return (policyLoss + valueWeight * valueLoss, policyLoss.detach(), valueLoss.detach(), policyClipShare, valueClipShare, approximateKl);
    }
}
