using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>Ratios of whole sequences.</content>
public static partial class TokenPolicyGradient
{
    /// <summary>
    /// GSPO, Zheng et al. 2025, eqs. 5 and 7: the ratio is the sequence's to the power of one over its length, <c>exp(mean(policy - old))</c>.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="reference">Log-probabilities under the frozen reference; no divergence where null.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Grpo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor kl, Tensor clipLow, Tensor clipHigh, Tensor clipRegion) Gspo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor? reference = null,
        double beta = 0.0,
        double epsilonLow = 3e-4,
        double epsilonHigh = 4e-4,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var (surrogate, isLow, isHigh) = Surrogate(Tokens.PerSequence(policy - old, isToken), advantage, epsilonLow, epsilonHigh);
        var (losses, kl) = Penalised(OfEachToken(surrogate, policy), policy, old, reference, beta);
        return WithMetrics(Tokens.SequenceMean(losses, isToken, normaliser), kl, OfEachToken(isLow, policy), OfEachToken(isHigh, policy), isToken);
    }

    /// <summary>
    /// GSPO-token, Zheng et al. 2025, eqs. 13 and 14: the value of the sequence's ratio, and at each token the gradient of its own, so that advantages may
    /// differ from token to token.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each token, [sequence token].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the shares of tokens whose ratios are clipped below, and above.</returns>
    [Objective]
    public static (Tensor loss, Tensor clipLow, Tensor clipHigh) GspoToken(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence token"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        double epsilonLow = 3e-4,
        double epsilonHigh = 4e-4,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var logRatio = OfEachToken(Tokens.PerSequence(policy - old, isToken), policy);
        var (losses, isLow, isHigh) = Surrogate(PolicyGradient.StraightThrough(logRatio, policy), advantage, epsilonLow, epsilonHigh);
        return (Tokens.SequenceMean(losses, isToken, normaliser), Tokens.Metric(isLow, isToken), Tokens.Metric(isHigh, isToken));
    }

    /// <summary>LUSPO (length-unbiased sequence policy optimisation, as TRL has it): GSPO whose sequences count as much as they have tokens.</summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="epsilonLow">How far below 1 the ratio counts.</param>
    /// <param name="epsilonHigh">How far above 1.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the shares of sequences whose ratios are clipped below, and above.</returns>
    [Objective]
    public static (Tensor loss, Tensor clipLow, Tensor clipHigh) Luspo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.2,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var (losses, isLow, isHigh) = Surrogate(Tokens.PerSequence(policy - old, isToken), advantage, epsilonLow, epsilonHigh);
        return (Preference.Mean(losses * isToken.sum([-1]), normaliser), isLow.mean(), isHigh.mean());
    }

    /// <summary>
    /// GMPO, Zhao et al. 2025: the geometric mean of the tokens' ratios, each log-ratio held within +-epsilon on the side that the advantage
    /// pushes to.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="epsilon">The bound on log-ratios.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the share of tokens whose log-ratios are clipped.</returns>
    [Objective]
    public static (Tensor loss, Tensor clipShare) Gmpo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        double epsilon = 0.4,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var logRatio = policy - old;
        var held = logRatio.clamp(-epsilon, epsilon);
        var pessimistic = where(advantage.unsqueeze(-1) > 0, minimum(logRatio, held), maximum(logRatio, held));
        var ratio = PolicyGradient.Ratio(Tokens.PerSequence(pessimistic, isToken));
        return (-Preference.Mean(advantage * ratio, normaliser), Tokens.Metric((pessimistic != logRatio).type_as(logRatio), isToken));
    }

    private static Tensor OfEachToken(Tensor ofSequence, Tensor like) => ofSequence.unsqueeze(-1).expand_as(like);
}
