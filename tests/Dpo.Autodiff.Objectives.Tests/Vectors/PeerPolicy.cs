using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>The peers' objectives over tokens, in the language; they call the catalogue's terms.</summary>
internal static partial class PeerPolicy
{
    /// <summary>OpenRLHF adds it to the number of tokens of a row.</summary>
    private const double CountEpsilon = 1e-8;

    /// <summary>OpenRLHF's PolicyLoss, averaged over each sample first, of ratios of tokens or of sequences.</summary>
    [Objective]
    internal static (Tensor loss, Tensor clipShare, Tensor kl) OpenRlhf(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence token"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor isToken,
        double epsilonLow = 0.2,
        double epsilonHigh = 0.2,
        bool sequenceLevel = false)
    {
        var logRatio = policy - old;
        var used = sequenceLevel ? Tokens.PerSequence(logRatio, isToken).unsqueeze(1).expand_as(logRatio) : logRatio;
        var (losses, clipped) = PolicyGradient.ClippedSurrogate(used, advantage, epsilonLow, epsilonHigh);
        return (RowMean(losses, isToken).mean(), Tokens.Metric(clipped, isToken), -Tokens.Metric(logRatio, isToken));
    }

    /// <summary>OpenRLHF's ValueLoss, averaged over each sample first.</summary>
    [Objective]
    internal static Tensor Value(
        [Axes("sequence token")] Tensor value,
        [Axes("sequence token"), NoGrad] Tensor oldValue,
        [Axes("sequence token"), NoGrad] Tensor returns,
        [Axes("sequence token")] Tensor isToken,
        double epsilon = double.PositiveInfinity) =>
        0.5 * RowMean(TokenPolicyGradient.ClippedSquares(value, oldValue, returns, epsilon).losses, isToken).mean();

    /// <summary>verl's and OpenRLHF's penalties, with a cotangent.</summary>
    [Objective]
    internal static (Tensor loss, Tensor kl) Kl(
        [Axes("token")] Tensor policy,
        [Axes("token"), NoGrad] Tensor reference,
        [Axes("token"), NoGrad] Tensor cotangent,
        KlEstimator estimator = KlEstimator.K1,
        bool straightThrough = false,
        bool bounded = false)
    {
        var kl = PolicyGradient.Kl(policy, reference, estimator);
        if (straightThrough)
            kl = PolicyGradient.StraightThrough(kl, PolicyGradient.Kl(policy, reference, KlEstimator.K2));
        if (bounded)
            kl = kl.clamp(-10, 10);
        return ((kl * cotangent).sum(), kl.detach());
    }

    /// <summary>TRL's masked_mean.</summary>
    [Objective]
    internal static Tensor MaskedMean([Axes("sequence token")] Tensor values, [Axes("sequence token")] Tensor isToken) => Tokens.Mean(values, isToken, null);

    /// <summary>TRL's masked_whiten, with a cotangent.</summary>
    [Objective]
    internal static (Tensor loss, Tensor output) Whiten(
        [Axes("sequence token")] Tensor values,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor cotangent,
        bool shiftMean = true)
    {
        var output = TokenPolicyGradient.Whitened(values, isToken, shiftMean);
        return ((output * cotangent).sum(), output.detach());
    }

    /// <summary>KTO from tokens.</summary>
    [Objective]
    internal static (Tensor loss, Tensor logps, Tensor kl) Kto(
        [Axes("example token")] Tensor tokens,
        [Axes("example"), NoGrad] Tensor reference,
        [Axes("other"), NoGrad] Tensor policyMismatched,
        [Axes("other"), NoGrad] Tensor referenceMismatched,
        [Axes("example")] Tensor isDesirable,
        [Axes("example token")] Tensor isToken,
        double beta = 0.1,
        double desirableWeight = 1.0,
        double undesirableWeight = 1.0,
        bool withoutKl = false)
    {
        var logps = where(isToken, tokens, 0).sum(1);
        var (loss, _, kl) = Preference.Kto(logps, reference, isDesirable, policyMismatched, referenceMismatched, beta, desirableWeight, undesirableWeight);
        if (withoutKl)
            (loss, _) = Preference.ApoZeroUnpaired(logps, reference, isDesirable, beta);
        return (loss, logps.detach(), kl);
    }

    private static Tensor RowMean(Tensor values, Tensor isToken) =>
        where(isToken, values, 0).sum(1) / (isToken.type_as(values).sum(1) + CountEpsilon);
}
