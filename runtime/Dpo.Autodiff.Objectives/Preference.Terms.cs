using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <content>What the objectives are made of; objectives of other assemblies can call these too.</content>
public static partial class Preference
{
    /// <summary>The exponent at which the alpha divergence's score stops growing, as in TRL: exp of it is finite in float32 and bfloat16.</summary>
    private const double LargestExponent = 80.0;

    /// <summary>The implicit reward, Rafailov et al. 2023, eq. 5 without the partition function: <c>beta (policy - reference)</c>.</summary>
    [ObjectiveFunction]
    public static Tensor ImplicitReward(Tensor policy, Tensor reference, double beta) => beta * (policy - reference);

    /// <summary>
    /// <c>-(1 - e) log sigmoid(m) - e log sigmoid(-m)</c>, with one logarithm: log sigmoid(-m) is log sigmoid(m) - m.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor LabelSmoothed(Tensor margin, double labelSmoothing) => labelSmoothing * margin - logsigmoid(margin);

    /// <summary>The score f'(u) that f-DPO puts in the place of the log-ratio r, u = exp(r) (Wang et al. 2023).</summary>
    [ObjectiveFunction]
    public static Tensor Score(Tensor logRatio, FDivergence divergence, double alpha) => divergence switch
    {
        FDivergence.ReverseKl => logRatio,
        FDivergence.ForwardKl => -exp(-logRatio),
        FDivergence.JensenShannon => logsigmoid(logRatio),
        FDivergence.Alpha => Math.Abs(alpha - 1) < 1e-6 ? logRatio : exp(((alpha - 1) * logRatio).clamp_max(LargestExponent)) / (alpha - 1),
        _ => throw new ArgumentOutOfRangeException(nameof(divergence)),
    };

    /// <summary>The loss of a reference-free difference h of log-probabilities.</summary>
    [ObjectiveFunction]
    public static Tensor Loss(Tensor difference, double beta, double labelSmoothing, PairLoss loss) => loss switch
    {
        PairLoss.Sigmoid => LabelSmoothed(beta * difference, labelSmoothing),
        PairLoss.Hinge => relu(1 - beta * difference),
        PairLoss.Square => (difference - 1 / (2 * beta)).square(),
        _ => throw new ArgumentOutOfRangeException(nameof(loss)),
    };

    /// <summary>A sum over a response's tokens divided by their number, which is at least 1; the sum where there is no number.</summary>
    [ObjectiveFunction]
    public static Tensor PerToken(Tensor sum, Tensor? length) => length is null ? sum : sum / length.clamp_min(1);

    /// <summary>The mean of chosen minus rejected, and the share of pairs where it is positive; without gradient.</summary>
    [ObjectiveFunction]
    public static (Tensor margin, Tensor accuracy) Comparison(Tensor chosen, Tensor rejected) =>
        ((chosen - rejected).mean().detach(), (chosen > rejected).type_as(chosen).mean());

    /// <summary>
    /// The mean; the sum divided by a number where one is given. Gradient accumulation and data parallelism give the number of pairs of the whole batch.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor Mean(Tensor losses, Tensor? normaliser) => normaliser is null ? losses.mean() : losses.sum() / normaliser;

    /// <summary>The mean of what is not NaN (torch's nanmean, which in TorchSharp 0.107 fails without a dtype); its sum divided by a number where one is given.</summary>
    [ObjectiveFunction]
    public static Tensor MeanOfNumbers(Tensor values, Tensor? normaliser = null)
    {
        var isNumber = values.isnan().logical_not();
        return where(isNumber, values, 0.0).sum() / (normaliser is null ? isNumber.sum() : normaliser);
    }

    /// <summary>What a paired objective returns: the mean loss, and what trainers log.</summary>
    private static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) WithMetrics(
        Tensor losses, Tensor chosenReward, Tensor rejectedReward, Tensor? normaliser)
    {
        var (margin, accuracy) = Comparison(chosenReward, rejectedReward);
        return (Mean(losses, normaliser), chosenReward.detach(), rejectedReward.detach(), margin, accuracy);
    }
}
