using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>Ratios that weigh a token's gradient instead of cutting it off, or that are not needed.</content>
public static partial class TokenPolicyGradient
{
    /// <summary>The bound on log-ratios.</summary>
    private const double LargestLogRatio = 20.0;

    /// <summary>
    /// CISPO, MiniMax 2025 (MiniMax-M1), eqs. 4 and 5: <c>-min(ratio, bound) A log policy</c>, the weight without gradient, so that every token has one.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="bound">The largest weight.</param>
    /// <param name="lowerBound">The smallest one (verl: 1 - epsilon).</param>
    /// <returns>The loss, and the share of tokens whose weight is bounded while their advantage is positive.</returns>
    [Objective]
    public static (Tensor loss, Tensor clipHigh) Cispo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double bound = 5.0,
        double lowerBound = 0.0)
    {
        var ratio = PolicyGradient.Ratio(policy - old).detach();
        var isHigh = (ratio > bound) & (advantage.unsqueeze(-1) > 0);
        var losses = -ratio.clamp(lowerBound, bound) * advantage.unsqueeze(-1) * policy;
        return (Tokens.Mean(losses, isToken, normaliser), Tokens.Metric(isHigh.type_as(ratio), isToken));
    }

    /// <summary>
    /// SAPO, Gao et al. 2025: a soft gate in the place of the clip, <c>-A (4 / tau) sigmoid(tau (ratio - 1))</c>, tau by the advantage's sign.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="tau">The temperature of positive advantages.</param>
    /// <param name="negativeTau">... of others.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of sequences of the whole batch. Their number here where null.</param>
    /// <returns>The loss, a mean of the sequences' means.</returns>
    [Objective]
    public static Tensor Sapo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        double tau = 1.0,
        double negativeTau = 1.05,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var excess = PolicyGradient.Ratio(policy - old) - 1;
        var ofEach = advantage.unsqueeze(-1);
        var gate = where(ofEach > 0, 4 / tau * (tau * excess).sigmoid(), 4 / negativeTau * (negativeTau * excess).sigmoid());
        return Tokens.SequenceMean(-ofEach * gate, isToken, normaliser);
    }

    /// <summary>
    /// VESPO, as TRL has it: <c>-phi(W) A log policy</c> with <c>phi(W) = exp(lambda + k log W - lambda W)</c> of the sequence's ratio W, without
    /// gradient; k and lambda by the advantage's sign.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="old">... under the policy that sampled them.</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="k">The exponent of advantages that are not negative.</param>
    /// <param name="lambda">Their rate.</param>
    /// <param name="negativeK">The exponent of negative ones.</param>
    /// <param name="negativeLambda">Their rate.</param>
    /// <returns>The loss, and the mean of phi over sequences.</returns>
    [Objective]
    public static (Tensor loss, Tensor weight) Vespo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double k = 2.0,
        double lambda = 3.0,
        double negativeK = 3.0,
        double negativeLambda = 2.0)
    {
        var tokens = where(isToken, policy - old, 0.0).clamp(-LargestLogRatio, LargestLogRatio);
        var logRatio = tokens.sum([-1]).clamp(-LargestLogRatio, LargestLogRatio).detach();
        var ratio = exp(logRatio);
        var weight = exp(where(advantage >= 0, lambda + k * logRatio - lambda * ratio, negativeLambda + negativeK * logRatio - negativeLambda * ratio));
        return (Tokens.Mean(-(weight * advantage).unsqueeze(-1) * policy, isToken, normaliser), weight.mean());
    }

    /// <summary>
    /// REINFORCE at every token, Williams 1992: <c>-A log policy</c>. With a reference the divergence is in the reward: from the advantage of each token that
    /// of the tokens from it on is taken, beta times, without gradient (REINFORCE++, Hu et al. 2025).
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [sequence token].</param>
    /// <param name="advantage">The advantage of each sequence, [sequence].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="reference">Log-probabilities under the frozen reference; no divergence where null.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <returns>The loss, and the divergence's k1 estimate per token.</returns>
    [Objective]
    public static (Tensor loss, Tensor kl) Reinforce(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor? reference = null,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double beta = 0.05)
    {
        if (reference is null)
            return (Tokens.Mean(-advantage.unsqueeze(-1) * policy, isToken, normaliser), zeros_like(policy).mean());
        var difference = where(isToken, policy - reference, 0.0).detach();
        var toCome = difference.flip(-1).cumsum(-1).flip(-1);
        return (Tokens.Mean((beta * toCome - advantage.unsqueeze(-1)) * policy, isToken, normaliser), Tokens.Metric(difference, isToken));
    }

    /// <summary>
    /// RLOO, Ahmadian et al. 2024, of the tokens' log-probabilities: each reward is compared with the mean of the others of its group. The divergence
    /// is in the reward, as in the paper, or k3 in the loss.
    /// </summary>
    /// <param name="policy">Log-probabilities of the tokens under the policy, [group sample token].</param>
    /// <param name="reference">... under the frozen reference.</param>
    /// <param name="reward">The reward of each sample, [group sample].</param>
    /// <param name="isToken">Whether a token counts, [group sample token], Boolean.</param>
    /// <param name="beta">The weight of the divergence.</param>
    /// <param name="klInLoss">Adds the divergence to the loss in the place of taking it from the reward.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of samples of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the advantages [group sample], and the mean divergence of a sample: k1 in the reward, k3 in the loss.</returns>
    [Objective]
    public static (Tensor loss, Tensor advantage, Tensor kl) Rloo(
        [Axes("group sample token")] Tensor policy,
        [Axes("group sample token"), NoGrad] Tensor reference,
        [Axes("group sample"), NoGrad] Tensor reward,
        [Axes("group sample token")] Tensor isToken,
        double beta = 0.05,
        bool klInLoss = false,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var sample = where(isToken, policy, 0.0).sum([-1]);
        if (klInLoss)
        {
            var plain = PolicyGradient.LeaveOneOut(reward).detach();
            var estimate = where(isToken, PolicyGradient.Kl(policy, reference, KlEstimator.K3), 0.0).sum([-1]);
            return (Preference.Mean(beta * estimate - plain * sample, normaliser), plain, estimate.mean().detach());
        }

        var kl = (sample - where(isToken, reference, 0.0).sum([-1])).detach();
        var advantage = PolicyGradient.LeaveOneOut(reward - beta * kl).detach();
        return (-Preference.Mean(advantage * sample, normaliser), advantage, kl.mean());
    }
}
