using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>
/// Against the collapse of entropy (Cui et al. 2025, the entropy mechanism): what lowers it are tokens whose log-probability goes along with their
/// advantage. Tokens of all sequences stand one after another, [token]: those of a padded batch are flattened.
/// </content>
public static partial class TokenPolicyGradient
{
    /// <summary>
    /// Clip-Cov, Cui et al. 2025, section 4.2: PPO's surrogate without some tokens that are drawn from those whose covariance lies between two bounds,
    /// and which the surrogate does not clip itself.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each token.</param>
    /// <param name="isToken">Whether a token counts, [token], Boolean.</param>
    /// <param name="draw">Random numbers, [token], such as <c>rand(n)</c>: the smallest ones are drawn.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="share">The share of the tokens that is left out, and at least one.</param>
    /// <param name="low">The lower bound of the covariance.</param>
    /// <param name="high">The upper bound.</param>
    /// <returns>The loss, the share of tokens that are left out, and the k1 estimate of the divergence from the old policy.</returns>
    [Objective]
    public static (Tensor loss, Tensor leftOut, Tensor kl) ClipCov(
        [Axes("token")] Tensor policy,
        [Axes("token"), NoGrad] Tensor old,
        [Axes("token"), NoGrad] Tensor advantage,
        [Axes("token")] Tensor isToken,
        [Axes("token"), NoGrad] Tensor draw,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.2,
        double share = 2e-4,
        double low = 1.0,
        double high = 5.0)
    {
        var logRatio = policy - old;
        var (losses, isClipped) = PolicyGradient.ClippedSurrogate(logRatio, advantage, epsilonLow, epsilonHigh);
        var covariance = Covariance(policy, advantage, isToken);
        var mayGo = isToken & (isClipped == 0) & (covariance > low) & (covariance < high);
        var lot = where(mayGo, -draw, double.NegativeInfinity);
        var isLeftOut = mayGo & (lot >= LeastOfLargest(lot, isToken, share));
        return (
            Tokens.Mean(where(isLeftOut, 0.0, losses), isToken, normaliser),
            Tokens.Metric(isLeftOut.type_as(losses), isToken),
            -Tokens.Metric(logRatio, isToken));
    }

    /// <summary>
    /// KL-Cov, Cui et al. 2025, section 4.2: the ratio without a clip, and for the tokens of largest covariance beta times <c>|log-ratio|</c>.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each token.</param>
    /// <param name="isToken">Whether a token counts, [token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="share">The share of the tokens that is held to the old policy, and at least one.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <returns>The loss, and the mean of <c>|log-ratio|</c>.</returns>
    [Objective]
    public static (Tensor loss, Tensor kl) KlCov(
        [Axes("token")] Tensor policy,
        [Axes("token"), NoGrad] Tensor old,
        [Axes("token"), NoGrad] Tensor advantage,
        [Axes("token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double share = 2e-4,
        double beta = 0.1)
    {
        var logRatio = policy - old;
        var covariance = where(isToken, Covariance(policy, advantage, isToken), double.NegativeInfinity);
        var isHeld = covariance >= LeastOfLargest(covariance, isToken, share);
        var divergence = logRatio.abs();
        var losses = where(isHeld, beta * divergence, 0.0) - advantage * PolicyGradient.Ratio(logRatio);
        return (Tokens.Mean(losses, isToken, normaliser), Tokens.Metric(divergence, isToken));
    }

    /// <summary>Of every token what it adds to the covariance of log-probability and advantage over the batch, without gradient.</summary>
    [ObjectiveFunction]
    public static Tensor Covariance(Tensor policy, Tensor advantage, Tensor isToken) =>
        ((advantage - Tokens.Mean(advantage, isToken, null)) * (policy - Tokens.Mean(policy, isToken, null))).detach();

    /// <summary>Of the largest values, as many as a share of the tokens that count and at least one, the least: what is not below it is among them.</summary>
    /// <param name="values">[token].</param>
    /// <param name="isToken">Whether a token counts.</param>
    /// <param name="share">How many.</param>
    [ObjectiveFunction]
    public static Tensor LeastOfLargest(Tensor values, Tensor isToken, double share)
    {
        var (sorted, _) = values.detach().sort(0, descending: true, stable: true);
        var last = (isToken.sum().type_as(values) * share).floor().clamp_min(1);
        return where(arange(values.size(0)) + 1 == last, sorted, 0.0).sum();
    }
}
