using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <summary>Losses of a reward model over pairs of responses; rewards are the model's scalar scores.</summary>
/// <remarks>
/// <list type="table">
/// <item><term><see cref="BradleyTerry"/></term><description>the usual loss, with margin and centring</description></item>
/// <item><term><see cref="Davidson"/>, <see cref="RaoKupper"/></term><description>with labels that may be ties</description></item>
/// <item><term><see cref="Thurstone.Pairwise"/></term><description>probit in place of logit</description></item>
/// <item><term><see cref="Process"/></term><description>a label for each step (process reward models)</description></item>
/// <item><term><see cref="PlackettLuce.Ranking"/></term><description>more than two responses</description></item>
/// </list>
/// </remarks>
public static partial class RewardModel
{
    /// <summary>
    /// Ouyang et al. 2022, eq. 1: the mean of <c>-log sigmoid(chosen - rejected - margin)</c>; margin as in Llama 2 (Touvron et al. 2023,
    /// eq. 2); centring adds <c>c (chosen + rejected)^2</c> (Eisenstein et al. 2023, eq. 2).
    /// </summary>
    /// <param name="chosen">The reward of the preferred response, [pair].</param>
    /// <param name="rejected">The reward of the other one.</param>
    /// <param name="margin">By how much the preferred response should lead; 0 where null.</param>
    /// <param name="centering">The coefficient of centring, which ties the rewards' mean to 0 (TRL suggests 0.01); none where null.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the mean difference of rewards, and the share of pairs in the right order.</returns>
    [Objective]
    public static (Tensor loss, Tensor rewardMargin, Tensor accuracy) BradleyTerry(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor? margin = null,
        double? centering = null,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var lead = chosen - rejected;
        if (margin is not null)
            lead -= margin;
        var loss = -Preference.Mean(logsigmoid(lead), normaliser);
        if (centering is { } coefficient)
            loss += coefficient * Preference.Mean((chosen + rejected).square(), normaliser);
        var (rewardMargin, accuracy) = Preference.Comparison(chosen, rejected);
        return (loss, rewardMargin, accuracy);
    }

    /// <summary>Davidson's ties (1970, eq. 2.5) for a reward model: labels say which response is better, or neither.</summary>
    /// <param name="first">The reward of the first response, [pair].</param>
    /// <param name="second">The reward of the second one.</param>
    /// <param name="preference">Positive where the first is better, negative where the second is, 0 where neither, [pair].</param>
    /// <param name="logTie">log nu: how likely ties are.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The mean loss, and the share of decided pairs that the rewards order as labelled.</returns>
    [Objective]
    public static (Tensor loss, Tensor accuracy) Davidson(
        [Axes("pair")] Tensor first,
        [Axes("pair")] Tensor second,
        [Axes("pair"), NoGrad] Tensor preference,
        double logTie = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var margin = first - second;
        var decided = Objectives.BradleyTerry.DavidsonLogOdds(margin, logTie);
        var win = logsigmoid(where(preference > 0, margin, -margin)) + logsigmoid(decided);
        var loss = -Preference.Mean(where(preference == 0, logsigmoid(-decided), win), normaliser);
        return (loss, LabelAccuracy(margin, preference));
    }

    /// <summary>Rao and Kupper's ties (1967, eq. 2.4) for a reward model, BTT of Liu et al. 2024.</summary>
    /// <param name="first">The reward of the first response, [pair].</param>
    /// <param name="second">The reward of the second one.</param>
    /// <param name="preference">Positive where the first is better, negative where the second is, 0 where neither, [pair].</param>
    /// <param name="logTie">log(theta - 1): how wide the threshold is.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The mean loss, and the share of decided pairs that the rewards order as labelled.</returns>
    [Objective]
    public static (Tensor loss, Tensor accuracy) RaoKupper(
        [Axes("pair")] Tensor first,
        [Axes("pair")] Tensor second,
        [Axes("pair"), NoGrad] Tensor preference,
        double logTie = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var margin = first - second;
        var (firstLog, secondLog, tieLog) = Objectives.BradleyTerry.RaoKupperLogChances(margin, logTie);
        var loss = -Preference.Mean(where(preference == 0, tieLog, where(preference > 0, firstLog, secondLog)), normaliser);
        return (loss, LabelAccuracy(margin, preference));
    }

    /// <summary>
    /// A process reward model, Lightman et al. 2023, as TRL trains it: the cross-entropy of two classes at the end of every step, a mean over steps.
    /// </summary>
    /// <param name="logits">Of a bad and of a good step, [row token 2].</param>
    /// <param name="labels">1 where a good step ends, 0 where a bad one does, [row token], int64; anything, -100 say, where none does.</param>
    /// <param name="isStep">Whether a step ends, [row token], Boolean: <c>labels != -100</c> where labels say it.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of steps of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the share of steps whose class is the likelier one.</returns>
    [Objective]
    public static (Tensor loss, Tensor accuracy) Process(
        [Axes("row token 2")] Tensor logits,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isStep,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var nll = -Tokens.LogProbability(logits, labels, isStep);
        return (Tokens.Mean(nll, isStep, normaliser), Tokens.Metric(Tokens.IsLikeliest(logits, labels), isStep));
    }

    private static Tensor LabelAccuracy(Tensor margin, Tensor preference)
    {
        var isDecided = (preference != 0).type_as(margin);
        var isRight = (margin * preference > 0).type_as(margin);
        return isRight.sum() / isDecided.sum();
    }
}
