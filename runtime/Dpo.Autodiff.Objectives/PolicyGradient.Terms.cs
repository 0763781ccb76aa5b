using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>What the objectives are made of; objectives of other assemblies can call these too, over tokens as well as over sequences.</content>
public static partial class PolicyGradient
{
    /// <summary>The bound on k3, as in verl.</summary>
    private const double LargestK3 = 10.0;

    /// <summary>The ratio of probabilities, held within exp(+-20), where its gradient ends.</summary>
    [ObjectiveFunction]
    public static Tensor Ratio(Tensor logRatio) => exp(logRatio.clamp(-LargestLogRatio, LargestLogRatio));

    /// <summary>
    /// PPO's pessimistic surrogate (Schulman et al. 2017, eq. 7), <c>max(-A w, -A clip(w, 1 - low, 1 + high))</c> with w = exp(log-ratio), and 1 where the
    /// clipped one is taken.
    /// </summary>
    [ObjectiveFunction]
    public static (Tensor losses, Tensor clipped) ClippedSurrogate(Tensor logRatio, Tensor advantage, double low, double high)
    {
        var ratio = Ratio(logRatio);
        var plain = -advantage * ratio;
        var clipped = -advantage * ratio.clamp(1 - low, 1 + high);
        return (maximum(plain, clipped), (clipped > plain).type_as(plain));
    }

    /// <summary>Each reward less the mean of the others of its group, along the last axis (Ahmadian et al. 2024).</summary>
    [ObjectiveFunction]
    public static Tensor LeaveOneOut(Tensor reward)
    {
        var count = reward.shape[1];
        return (reward - reward.mean([1], keepdim: true)) * ((double)count / (count - 1));
    }

    /// <summary>Each reward less its group's mean, divided by the group's standard deviation plus 1e-4, along the last axis (Shao et al. 2024).</summary>
    [ObjectiveFunction]
    public static Tensor GroupNormalised(Tensor reward, bool scale)
    {
        var centred = reward - reward.mean([1], keepdim: true);
        return scale ? centred / (reward.std([1], keepdim: true) + 1e-4) : centred;
    }

    /// <summary>
    /// Each reward less the optimal baseline of its group, the mean of rewards weighted by the lengths of the responses, along the last axis (OPO, Hao et al. 2025).
    /// </summary>
    [ObjectiveFunction]
    public static Tensor LengthWeighted(Tensor reward, Tensor length) =>
        reward - (length * reward).sum([1], keepdim: true) / length.sum([1], keepdim: true);

    /// <summary>
    /// By how much the best sample of its group leads the next, and 0 for the others, along the last axis: what pass@k rewards, as verl has it. Scaled, it is
    /// divided by the group's standard deviation plus 1e-6.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor BestOfGroup(Tensor reward, bool scale)
    {
        var (best, _) = reward.topk(2, 1);
        var isBest = arange(reward.size(1)) == reward.argmax(1).unsqueeze(1);
        var advantage = where(isBest, (best[.., 0] - best[.., 1]).unsqueeze(1), 0.0);
        return scale ? advantage / (reward.std([1], keepdim: true) + 1e-6) : advantage;
    }

    /// <summary>
    /// The optimal value of a prompt, estimated from the rewards of its samples from the reference, along the last axis: <c>beta log(mean(exp(reward / beta)))</c>
    /// (A*-PO, Brantley et al. 2025).
    /// </summary>
    [ObjectiveFunction]
    public static Tensor OptimalValue(Tensor reward, double beta = 0.5) => beta * ((reward / beta).logsumexp(-1) - Math.Log(reward.size(-1)));

    /// <summary>The value of one tensor and the gradient of another.</summary>
    [ObjectiveFunction]
    public static Tensor StraightThrough(Tensor value, Tensor gradient) => gradient - gradient.detach() + value.detach();

    /// <summary>A divergence's estimate at every sample, k3 bounded as in verl; <see cref="KlEstimator"/> has values and gradients.</summary>
    [ObjectiveFunction]
    public static Tensor Kl(Tensor policy, Tensor reference, KlEstimator estimator)
    {
        var difference = policy - reference;
        switch (estimator)
        {
            case KlEstimator.K1:
                return difference;
            case KlEstimator.Absolute:
                return difference.abs();
            case KlEstimator.K2:
                return 0.5 * difference.square();
            case KlEstimator.K3:
                var bounded = (-difference).clamp(-LargestLogRatio, LargestLogRatio);
                return (expm1(bounded) - bounded).clamp(-LargestK3, LargestK3);
            default:
                throw new ArgumentOutOfRangeException(nameof(estimator));
        }
    }
}
