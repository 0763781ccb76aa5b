using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>What OpenRLHF forms ratios of, and what it averages over.</summary>
public enum RatioLevel
{
    /// <summary>Ratios of tokens, averaged over all of them.</summary>
    Token,

    /// <summary>Ratios of tokens, averaged over each sample first.</summary>
    Sample,

    /// <summary>GSPO: ratios of sequences, averaged over each sample first.</summary>
    Sequence,
}

/// <summary>How OpenRLHF corrects for samples of another engine.</summary>
public enum RolloutCorrection
{
    None,
    Truncated,
    IcePop,
    SequenceMask,
}

/// <summary>The peers' objectives over tokens, in the language; they call the catalogue's terms.</summary>
internal static partial class PeerPolicy
{
    /// <summary>OpenRLHF adds it to the number of tokens of a row.</summary>
    private const double CountEpsilon = 1e-8;

    /// <summary>PPO of TRL and torchtune: clipped policy and value losses.</summary>
    [Objective]
    internal static (Tensor loss, Tensor policyLoss, Tensor valueLoss, Tensor valueClipShare, Tensor policyClipShare, Tensor approximateKl) Ppo(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence token"), NoGrad] Tensor advantage,
        [Axes("sequence token")] Tensor value,
        [Axes("sequence token"), NoGrad] Tensor oldValue,
        [Axes("sequence token"), NoGrad] Tensor returns,
        [Axes("sequence token"), NoGrad] Tensor isToken,
        double epsilon = 0.2,
        double valueEpsilon = 0.2,
        double valueWeight = 0.1,
        double countEpsilon = 0.0)
    {
        var logRatio = policy - old;
        var (policyTokens, policyClipped) = PolicyGradient.ClippedSurrogate(logRatio, advantage, epsilon, epsilon);
        var plain = (value - returns).square();
        var clipped = (ClipValue(value, oldValue, valueEpsilon) - returns).square();
        var policyLoss = Mean(policyTokens, isToken, countEpsilon);
        var valueLoss = 0.5 * Mean(maximum(plain, clipped), isToken, countEpsilon);
        return (
            policyLoss + valueWeight * valueLoss,
            policyLoss.detach(),
            valueLoss.detach(),
            Mean((clipped > plain).type_as(value), isToken, countEpsilon),
            Mean(policyClipped, isToken, countEpsilon),
            0.5 * logRatio.square().mean().detach());
    }

    /// <summary>OpenRLHF's PolicyLoss.</summary>
    [Objective]
    internal static (Tensor loss, Tensor clipShare, Tensor kl, Tensor rolloutKl) OpenRlhf(
        [Axes("sequence token")] Tensor policy,
        [Axes("sequence token"), NoGrad] Tensor old,
        [Axes("sequence token"), NoGrad] Tensor advantage,
        [Axes("sequence token"), NoGrad] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor rollout,
        double epsilon = 0.2,
        double? epsilonHigh = null,
        double dualClip = double.PositiveInfinity,
        RatioLevel level = RatioLevel.Token,
        RolloutCorrection correction = RolloutCorrection.None,
        double low = 0.5,
        double high = 5.0)
    {
        var logRatio = policy - old;
        var used = level == RatioLevel.Sequence ? RowMean(logRatio, isToken, 0).unsqueeze(1).expand_as(logRatio) : logRatio;
        var (losses, clipped) = PolicyGradient.ClippedSurrogate(used, advantage, epsilon, epsilonHigh ?? epsilon);
        losses = where(advantage < 0, minimum(losses, -dualClip * advantage), losses);
        losses *= Weight(old - rollout, isToken, correction, low, high).detach();
        var loss = level == RatioLevel.Token ? Mean(losses, isToken, 0) : RowMean(losses, isToken, CountEpsilon).mean();
        return (loss, Mean(clipped, isToken, 0), -Mean(logRatio, isToken, 0).detach(), Mean(rollout - old, isToken, 0).detach());
    }

    /// <summary>OpenRLHF's ValueLoss.</summary>
    [Objective]
    internal static Tensor Value(
        [Axes("sequence token")] Tensor value,
        [Axes("sequence token"), NoGrad] Tensor oldValue,
        [Axes("sequence token"), NoGrad] Tensor returns,
        [Axes("sequence token"), NoGrad] Tensor isToken,
        double? epsilon = null,
        bool tokenLevel = true)
    {
        var losses = (value - returns).square();
        if (epsilon is { } bound)
            losses = maximum(losses, (ClipValue(value, oldValue, bound) - returns).square());
        return 0.5 * (tokenLevel ? Mean(losses, isToken, 0) : RowMean(losses, isToken, CountEpsilon).mean());
    }

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
        {
            var k2 = PolicyGradient.Kl(policy, reference, KlEstimator.K2);
            kl = k2 - k2.detach() + kl.detach();
        }

        if (bounded)
            kl = kl.clamp(-10, 10);
        return ((kl * cotangent).sum(), kl.detach());
    }

    /// <summary>TRL's masked_mean.</summary>
    [Objective]
    internal static Tensor MaskedMean([Axes("sequence token")] Tensor values, [Axes("sequence token")] Tensor isToken) => Mean(values, isToken, 0);

    /// <summary>TRL's masked_whiten, with a cotangent.</summary>
    [Objective]
    internal static (Tensor loss, Tensor output) Whiten(
        [Axes("sequence token")] Tensor values,
        [Axes("sequence token")] Tensor isToken,
        [Axes("sequence token"), NoGrad] Tensor cotangent,
        bool shiftMean = true)
    {
        var mean = Mean(values, isToken, 0);
        var count = isToken.sum();
        var variance = Mean((values - mean).square(), isToken, 0) * (count / (count - 1));
        var output = (values - mean) * rsqrt(variance + 1e-8);
        if (!shiftMean)
            output += mean;
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

    private static Tensor ClipValue(Tensor value, Tensor oldValue, double epsilon) => oldValue + (value - oldValue).clamp(-epsilon, epsilon);

    private static Tensor Mean(Tensor values, Tensor isToken, double countEpsilon) =>
        where(isToken, values, 0).sum() / (isToken.type_as(values).sum() + countEpsilon);

    private static Tensor RowMean(Tensor values, Tensor isToken, double countEpsilon) =>
        where(isToken, values, 0).sum(1) / (isToken.type_as(values).sum(1) + countEpsilon);

    private static Tensor Weight(Tensor logRatio, Tensor isToken, RolloutCorrection correction, double low, double high)
    {
        var ratio = exp(logRatio);
        switch (correction)
        {
            case RolloutCorrection.Truncated:
                return ratio.clamp(low, high);
            case RolloutCorrection.IcePop:
                return where((ratio >= low) & (ratio <= high), ratio, 0);
            case RolloutCorrection.SequenceMask:
                var sequence = exp(RowMean(logRatio, isToken, CountEpsilon));
                return where(((sequence >= low) & (sequence <= high)).unsqueeze(1), ratio, 0);
            default:
                return ones_like(ratio);
        }
    }
}
