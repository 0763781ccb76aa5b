using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary>Losses over ranked lists: items are given best first, along the last axis.</summary>
/// <remarks>
/// <list type="table">
/// <item><term><see cref="Ranking"/></term><description>scores of ranked lists, which may be ragged (ListMLE)</description></item>
/// <item><term><see cref="Dpo"/></term><description>DPO over rankings</description></item>
/// <item><term><see cref="SoftmaxDpo"/></term><description>DPO with several rejected responses</description></item>
/// <item><term><see cref="ListNet"/></term><description>scores against graded relevance</description></item>
/// </list>
/// </remarks>
public static partial class PlackettLuce
{
    /// <summary>What the score of an absent item is taken to be: its exponential is 0, and it is finite, in every dtype.</summary>
    private const double Absent = -60000.0;

    /// <summary>
    /// Plackett 1975, Luce 1959; ListMLE of Xia et al. 2008, eq. 6: the mean over lists of minus the sum over places of
    /// <c>s[k] - log(exp(s[k]) + ... + exp(s[K]))</c>.
    /// </summary>
    /// <param name="score">The scores, best item first, [list item].</param>
    /// <param name="isPresent">True where a list has an item, its absent ones last; all of them where null, [list item].</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of lists of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the share of lists whose first item has the highest score.</returns>
    [Objective]
    public static (Tensor loss, Tensor accuracy) Ranking(
        [Axes("list item")] Tensor score,
        [Axes("list item")] Tensor? isPresent = null,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var present = isPresent is null ? score : where(isPresent, score, Absent);
        var terms = present - LogTailSum(present);
        if (isPresent is not null)
            terms = where(isPresent, terms, 0.0);
        return (-Preference.Mean(terms.sum(1), normaliser), FirstIsBest(present));
    }

    /// <summary>Rafailov et al. 2023, appendix A.3, eq. 20: <see cref="Ranking"/> of the implicit rewards.</summary>
    /// <param name="policy">Sequence log-probabilities under the policy, best response first, [list item].</param>
    /// <param name="reference">... and under the frozen reference.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="isPresent">True where a list has a response, its absent ones last; all of them where null, [list item].</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of lists of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the implicit rewards [list item], and the share of lists whose first response has the highest one.</returns>
    [Objective]
    public static (Tensor loss, Tensor reward, Tensor accuracy) Dpo(
        [Axes("list item")] Tensor policy,
        [Axes("list item"), NoGrad] Tensor reference,
        double beta = 0.1,
        [Axes("list item")] Tensor? isPresent = null,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var reward = Preference.ImplicitReward(policy, reference, beta);
        var (loss, accuracy) = Ranking(reward, isPresent, normaliser);
        return (loss, reward.detach(), accuracy);
    }

    /// <summary>
    /// S-DPO of Chen et al. 2024, eq. 11: one chosen response against several, the mean of
    /// <c>-log sigmoid(-log sum exp(rejected - chosen))</c> over implicit rewards.
    /// </summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair].</param>
    /// <param name="rejected">... of the others, [pair item].</param>
    /// <param name="referenceChosen">... of the chosen ones under the frozen reference.</param>
    /// <param name="referenceRejected">... of the others.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of prompts of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the implicit rewards, and the share of prompts whose chosen response has the highest one.</returns>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor accuracy) SoftmaxDpo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair item")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair item"), NoGrad] Tensor referenceRejected,
        double beta = 1.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = Preference.ImplicitReward(chosen, referenceChosen, beta);
        var rejectedReward = Preference.ImplicitReward(rejected, referenceRejected, beta);
        var lead = chosenReward - rejectedReward.logsumexp(1);
        var accuracy = (chosenReward > rejectedReward.amax([1])).type_as(chosen).mean();
        return (-Preference.Mean(nn.functional.logsigmoid(lead), normaliser), chosenReward.detach(), rejectedReward.detach(), accuracy);
    }

    /// <summary>ListNet of Cao et al. 2007, eq. 5 with top-one chances: the cross-entropy from softmax(relevance) to softmax(score).</summary>
    /// <param name="score">The scores, [list item].</param>
    /// <param name="relevance">How good each item is held to be.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of lists of the whole batch. Their number here where null.</param>
    /// <returns>The mean over lists.</returns>
    [Objective]
    public static Tensor ListNet(
        [Axes("list item")] Tensor score,
        [Axes("list item"), NoGrad] Tensor relevance,
        [Axes(""), NoGrad] Tensor? normaliser = null) =>
        -Preference.Mean((relevance.softmax(1) * score.log_softmax(1)).sum(1), normaliser);

    /// <summary><c>log(exp(s[k]) + ... + exp(s[K]))</c> for every place k of the last axis of [list item].</summary>
    [ObjectiveFunction]
    public static Tensor LogTailSum(Tensor score) => score.flip([1]).logcumsumexp(1).flip([1]);

    private static Tensor FirstIsBest(Tensor score) => (score[.., 0] >= score.amax([1])).type_as(score).mean();
}
