using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <summary>Objectives that train a policy on preferences, from sequence log-probabilities: DPO and its family.</summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>with a reference, paired</term></listheader>
/// <item><term><see cref="Dpo"/></term><description>DPO, with label smoothing (cDPO), f-divergences (f-DPO), without reference</description></item>
/// <item><term><see cref="Robust"/></term><description>labels flipped at a known rate</description></item>
/// <item><term><see cref="Hinge"/></term><description>SLiC's hinge on DPO's margin</description></item>
/// <item><term><see cref="Positive"/></term><description>DPOP: the chosen response must not lose probability</description></item>
/// <item><term><see cref="SigmoidNorm"/></term><description>DPO of log-ratios per token</description></item>
/// <item><term><see cref="Ipo"/>, <see cref="Sppo"/></term><description>squared margins and squared rewards</description></item>
/// <item><term><see cref="Exo"/>, <see cref="Nca"/>, <see cref="BcoPair"/></term><description>classification and density-ratio losses</description></item>
/// <item><term><see cref="Aot"/>, <see cref="AotUnpaired"/></term><description>optimal transport between sorted batches</description></item>
/// <item><term><see cref="ApoZero"/>, <see cref="ApoDown"/></term><description>anchored</description></item>
/// <item><term><see cref="DiscoPop"/></term><description>a loss found by a language model</description></item>
/// <item><term><see cref="DpoDavidson"/>, <see cref="DpoRaoKupper"/></term><description>with labels that may be ties</description></item>
/// <listheader><term>with a reference, unpaired</term></listheader>
/// <item><term><see cref="Kto"/>, <see cref="ApoZeroUnpaired"/>, <see cref="Bco"/></term><description>single responses that are good or bad</description></item>
/// <listheader><term>without a reference</term></listheader>
/// <item><term><see cref="SimPo"/>, <see cref="AlphaPo"/>, <see cref="Cpo"/>, <see cref="Orpo"/></term><description>from the policy alone</description></item>
/// <item><term><see cref="Sft"/>, <see cref="Focal"/>, <see cref="LabelHinge"/></term><description>given responses alone</description></item>
/// </list>
/// <para>
/// Throughout, <c>chosen</c> and <c>rejected</c> are log-probabilities of whole responses under the policy, summed over their tokens, [pair];
/// <c>referenceChosen</c> and <c>referenceRejected</c> are those under the frozen reference. A log-ratio r is policy minus reference, an
/// implicit reward is beta times it (Rafailov et al. 2023, eq. 5 without the partition function), and a margin is the chosen reward minus the
/// rejected one. Losses are means over pairs; <c>margin</c> and <c>accuracy</c> are the mean margin and the share of pairs whose margin is positive.
/// Rewards, margins and accuracies carry no gradient.
/// </para>
/// </remarks>
public static partial class Preference
{
    /// <summary>
    /// DPO, Rafailov et al. 2023, eq. 7: the mean of <c>-log sigmoid(beta (r_chosen - r_rejected))</c>. Label smoothing is cDPO's (Mitchell 2023):
    /// <c>-(1 - e) log sigmoid(m) - e log sigmoid(-m)</c> of the margin m; divergences are f-DPO's (Wang et al. 2023).
    /// </summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the rejected ones under it.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="labelSmoothing">The share e of labels that are taken to be flipped, below a half.</param>
    /// <param name="referenceFree">Leaves the reference out of the loss, as if it were uniform; rewards are still ratios.</param>
    /// <param name="divergence">What ties the policy to the reference.</param>
    /// <param name="alpha">The order of the alpha divergence.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the implicit reward of each response, [pair].</returns>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward) Dpo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        double labelSmoothing = 0.0,
        bool referenceFree = false,
        FDivergence divergence = FDivergence.ReverseKl,
        double alpha = 0.5,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        var chosenScore = Score(referenceFree ? chosen : chosen - referenceChosen, divergence, alpha);
        var rejectedScore = Score(referenceFree ? rejected : rejected - referenceRejected, divergence, alpha);
        var losses = LabelSmoothed(beta * (chosenScore - rejectedScore), labelSmoothing);
        return (Mean(losses, normaliser), chosenReward.detach(), rejectedReward.detach());
    }

    /// <summary>
    /// Robust DPO, Chowdhury et al. 2024: DPO's loss estimated without bias from labels of which a share e is flipped,
    /// <c>(-(1 - e) log sigmoid(m) + e log sigmoid(-m)) / (1 - 2e)</c>.
    /// </summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the rejected ones under it.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="labelSmoothing">The share e of labels that are flipped, below a half.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) Robust(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        double labelSmoothing = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        // It is label smoothing by a negative share.
        var losses = LabelSmoothed(chosenReward - rejectedReward, -labelSmoothing / (1 - 2 * labelSmoothing));
        return WithMetrics(losses, chosenReward, rejectedReward, normaliser);
    }

    /// <summary>The hinge of SLiC (Zhao et al. 2023) on DPO's margin, as RSO has it (Liu et al. 2023): <c>max(0, 1 - m)</c>.</summary>
    /// <inheritdoc cref="Robust" path="/param"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) Hinge(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
        return WithMetrics(relu(1 - (chosenReward - rejectedReward)), chosenReward, rejectedReward, normaliser);
    }
}
