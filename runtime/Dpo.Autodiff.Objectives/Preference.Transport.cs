using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>Alignment via optimal transport, Melnyk et al. 2024: a whole batch is preferred, quantile by quantile.</content>
public static partial class Preference
{
    /// <summary>
    /// AOT for pairs, Melnyk et al. 2024: with the batch's gaps of policy and reference sorted each by itself, DPO's loss of
    /// <c>beta (sort(chosen - rejected) - sort(referenceChosen - referenceRejected))</c>.
    /// </summary>
    /// <inheritdoc cref="Dpo" path="/param[@name != 'referenceFree' and @name != 'divergence' and @name != 'alpha']"/>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) Aot(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        double labelSmoothing = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null) =>
        WithMetrics(
            SortedLoss(chosen - rejected, referenceChosen - referenceRejected, beta, labelSmoothing),
            ImplicitReward(chosen, referenceChosen, beta),
            ImplicitReward(rejected, referenceRejected, beta), normaliser);

    /// <summary>
    /// AOT without pairs, Melnyk et al. 2024: DPO's loss of <c>beta (sort(r_chosen) - sort(r_rejected))</c>, log-ratios sorted over the batch.
    /// </summary>
    /// <inheritdoc cref="Aot" path="/param"/>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) AotUnpaired(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        double labelSmoothing = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null) =>
        WithMetrics(
            SortedLoss(chosen - referenceChosen, rejected - referenceRejected, beta, labelSmoothing),
            ImplicitReward(chosen, referenceChosen, beta),
            ImplicitReward(rejected, referenceRejected, beta), normaliser);

    private static Tensor SortedLoss(Tensor better, Tensor worse, double beta, double labelSmoothing)
    {
        // Stable, so that equal gaps have their gradients in one order on every backend.
        var (betterQuantiles, _) = better.sort(0, stable: true);
        var (worseQuantiles, _) = worse.sort(0, stable: true);
        return LabelSmoothed(beta * (betterQuantiles - worseQuantiles), labelSmoothing);
    }
}
