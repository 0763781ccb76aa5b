using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary><see cref="TokenPolicyGradient"/> from a language model's logits: log-probabilities, entropy, loss and gradient in one objective.</summary>
/// <remarks>
/// Labels are the tokens that the logits at the same place predict (<see cref="Tokens.Shift"/>); <c>isToken</c> says which were sampled, and nothing else
/// is looked at. Log-probabilities under older policies and references are those of <see cref="Tokens.Select"/>, at the temperature of sampling. Other
/// variants are one line: <c>TokenPolicyGradient.Gspo(Tokens.LogProbability(logits, labels, isToken), ...)</c> in an objective of your own.
/// </remarks>
public static partial class PolicyGradientFromLogits
{
    /// <summary>GRPO, Shao et al. 2024, eq. 3: <see cref="TokenPolicyGradient.Grpo"/> from logits.</summary>
    /// <param name="logits">[sequence token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [sequence token], int64.</param>
    /// <param name="isToken">Whether it was sampled, [sequence token], Boolean.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence]: <see cref="PolicyGradient.GroupNormalised"/>.</param>
    /// <param name="old">Log-probabilities of the tokens under the policy that sampled them, [sequence token]; this policy where null.</param>
    /// <param name="reference">... under the frozen reference; no divergence where null.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="temperature">What logits are divided by: that of sampling.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the divergence, the shares of tokens whose ratios are clipped below, above, and at all, and the entropy per token.</returns>
    [Objective]
    public static (Tensor loss, Tensor kl, Tensor clipLow, Tensor clipHigh, Tensor clipRegion, Tensor entropy) Grpo(
        [Axes("sequence token vocab")] Tensor logits,
        [Axes("sequence token")] Tensor labels,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token"), NoGrad] Tensor? old = null,
        [Axes("sequence token"), NoGrad] Tensor? reference = null,
        double beta = 0.04,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.2,
        double temperature = 1.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = Tokens.LogProbability(logits, labels, isToken, temperature);
        var (loss, kl, clipLow, clipHigh, clipRegion) = TokenPolicyGradient.Grpo(
            policy, old is null ? policy.detach() : old, advantage, isToken, reference, beta, epsilonLow, epsilonHigh, normaliser: normaliser);
        return (loss, kl, clipLow, clipHigh, clipRegion, Tokens.Metric(Tokens.Entropy(logits / temperature), isToken));
    }

    /// <summary>DAPO, Yu et al. 2025, eq. 8: <see cref="TokenPolicyGradient.Dapo"/> from logits.</summary>
    /// <param name="logits">[sequence token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [sequence token], int64.</param>
    /// <param name="isToken">Whether it was sampled, [sequence token], Boolean.</param>
    /// <param name="old">Log-probabilities of the tokens under the policy that sampled them, [sequence token].</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="temperature">What logits are divided by: that of sampling.</param>
    /// <returns>The loss, the shares of tokens whose ratios are clipped below, and above, and the entropy per token.</returns>
    [Objective]
    public static (Tensor loss, Tensor clipLow, Tensor clipHigh, Tensor entropy) Dapo(
        [Axes("sequence token vocab")] Tensor logits,
        [Axes("sequence token")] Tensor labels,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.28,
        double temperature = 1.0)
    {
        var policy = Tokens.LogProbability(logits, labels, isToken, temperature);
        var (loss, _, clipLow, clipHigh, _) = TokenPolicyGradient.Dapo(
            policy, old, advantage, isToken, null, normaliser, 0, epsilonLow, epsilonHigh);
        return (loss, clipLow, clipHigh, Tokens.Metric(Tokens.Entropy(logits / temperature), isToken));
    }

    /// <summary>
    /// DAPO of the tokens of high entropy alone, Wang et al. 2025 (beyond the 80/20 rule), as TRL has it: the others add nothing, and are counted all the same.
    /// </summary>
    /// <param name="logits">[sequence token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [sequence token], int64.</param>
    /// <param name="isToken">Whether it was sampled, [sequence token], Boolean.</param>
    /// <param name="old">Log-probabilities of the tokens under the policy that sampled them, [sequence token].</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="threshold">The entropy from which on a token adds to the loss, a scalar tensor: <see cref="EntropyThreshold"/> of the whole batch.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="temperature">What logits are divided by: that of sampling.</param>
    /// <returns>The loss, the shares of tokens whose ratios are clipped below, and above, the entropy per token, and the share of tokens that add to the loss.</returns>
    [Objective]
    public static (Tensor loss, Tensor clipLow, Tensor clipHigh, Tensor entropy, Tensor share) TopEntropy(
        [Axes("sequence token vocab")] Tensor logits,
        [Axes("sequence token")] Tensor labels,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes(""), NoGrad] Tensor threshold,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.28,
        double temperature = 1.0)
    {
        var policy = Tokens.LogProbability(logits, labels, isToken, temperature);
        var entropy = Tokens.Entropy(logits / temperature).detach();
        var isHighEntropy = entropy >= threshold;
        var (losses, isLow, isHigh) = TokenPolicyGradient.Surrogate(policy - old, advantage.unsqueeze(-1), epsilonLow, epsilonHigh);
        return (
            Tokens.Mean(where(isHighEntropy, losses, 0.0), isToken, normaliser),
            Tokens.Metric(isLow, isToken),
            Tokens.Metric(isHigh, isToken),
            Tokens.Metric(entropy, isToken),
            Tokens.Metric(isHighEntropy.type_as(losses), isToken));
    }

    /// <summary>The entropy that a share of the tokens that count reaches, a scalar tensor: the quantile that <see cref="TopEntropy"/> takes, of the whole batch.</summary>
    /// <param name="entropy">The entropy of each token's distribution, [sequence token]: <see cref="Tokens.Select"/> gives it.</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="share">The share of the tokens.</param>
    public static Tensor EntropyThreshold(Tensor entropy, Tensor isToken, double share = 0.2)
    {
        using var noGradient = no_grad();
        using var counted = entropy.masked_select(isToken);
        return counted.quantile(1 - share);
    }

    /// <summary>
    /// PPO, Schulman et al. 2017, eq. 9: the clipped surrogate, the critic's loss, and a bonus for the entropy, with the dual clip of Ye et al. 2020.
    /// </summary>
    /// <param name="logits">[sequence token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [sequence token], int64.</param>
    /// <param name="isToken">Whether it was sampled, [sequence token], Boolean.</param>
    /// <param name="old">Log-probabilities of the tokens under the policy that sampled them, [sequence token].</param>
    /// <param name="advantage">The advantage of each token, [sequence token]: <see cref="Advantages.Gae"/>.</param>
    /// <param name="value">The critic's values, [sequence token].</param>
    /// <param name="oldValue">... when the tokens were sampled.</param>
    /// <param name="returns">What the values should be, [sequence token].</param>
    /// <param name="normaliser">What sums are divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="epsilon">How far from 1 the ratio counts.</param>
    /// <param name="valueEpsilon">How far a value counts from the old one.</param>
    /// <param name="valueWeight">The weight of the critic's loss.</param>
    /// <param name="entropyWeight">The weight of the entropy that is rewarded.</param>
    /// <param name="dualClip">What a loss of a negative advantage is bounded by, times -A, above 1 (verl: 3).</param>
    /// <param name="temperature">What logits are divided by: that of sampling.</param>
    /// <returns>
    /// The loss, its two parts, the shares of tokens whose losses are the clipped ones, the k2 estimate of the divergence from the old policy, and the
    /// entropy per token.
    /// </returns>
    [Objective]
    public static (
        Tensor loss,
        Tensor policyLoss,
        Tensor valueLoss,
        Tensor policyClipShare,
        Tensor valueClipShare,
        Tensor approximateKl,
        Tensor entropy) Ppo(
        [Axes("sequence token vocab")] Tensor logits,
        [Axes("sequence token")] Tensor labels,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence token"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor value,
        [Axes("sequence token"), NoGrad] Tensor oldValue,
        [Axes("sequence token"), NoGrad] Tensor returns,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double epsilon = 0.2,
        double valueEpsilon = 0.2,
        double valueWeight = 0.1,
        double entropyWeight = 0.0,
        double dualClip = double.PositiveInfinity,
        double temperature = 1.0)
    {
        var policy = Tokens.LogProbability(logits, labels, isToken, temperature);
        var (policyLoss, policyClipShare, _, approximateKl) = TokenPolicyGradient.Ppo(
            policy, old, advantage, isToken, null, normaliser, epsilon, epsilon, dualClip);
        var (valueLoss, valueClipShare) = TokenPolicyGradient.Value(value, oldValue, returns, isToken, normaliser, valueEpsilon);
        var entropy = Tokens.Mean(Tokens.Entropy(logits / temperature), isToken, normaliser);
        return (
            policyLoss + valueWeight * valueLoss - entropyWeight * entropy,
            policyLoss.detach(),
            valueLoss.detach(),
            policyClipShare,
            valueClipShare,
            approximateKl,
            entropy.detach());
    }

    /// <summary>REINFORCE, Williams 1992: <see cref="TokenPolicyGradient.Reinforce"/> from logits, with a bonus for the entropy.</summary>
    /// <param name="logits">[sequence token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [sequence token], int64.</param>
    /// <param name="isToken">Whether it was sampled, [sequence token], Boolean.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="normaliser">What sums are divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="entropyWeight">The weight of the entropy that is rewarded.</param>
    /// <param name="temperature">What logits are divided by: that of sampling.</param>
    /// <returns>The loss, and the entropy per token.</returns>
    [Objective]
    public static (Tensor loss, Tensor entropy) Reinforce(
        [Axes("sequence token vocab")] Tensor logits,
        [Axes("sequence token")] Tensor labels,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double entropyWeight = 0.0,
        double temperature = 1.0)
    {
        var (loss, _) = TokenPolicyGradient.Reinforce(Tokens.LogProbability(logits, labels, isToken, temperature), advantage, isToken, null, normaliser);
        var entropy = Tokens.Mean(Tokens.Entropy(logits / temperature), isToken, normaliser);
        return (loss - entropyWeight * entropy, entropy.detach());
    }
}
