using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <content>Objectives without a reference model. Their rewards are beta times the policy's log-probability.</content>
public static partial class PreferenceFromLogits
{
    /// <summary>SimPO, Meng et al. 2024, eq. 6: <see cref="Preference.SimPo"/> from logits.</summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="beta">The scale of the reward.</param>
    /// <param name="gammaBetaRatio">The margin aimed at, divided by beta.</param>
    /// <param name="labelSmoothing">The share of preferences that are taken to be flipped, below a half.</param>
    /// <param name="loss">The loss of the difference: the authors' code has the hinge too.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The loss, rewards [pair], their mean margin and the accuracy, and the log-probabilities per token of the responses [pair].</returns>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) SimPo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        double beta = 2.0,
        double gammaBetaRatio = 0.25,
        double labelSmoothing = 0.0,
        PairLoss loss = PairLoss.Sigmoid,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = Tokens.SequenceLogProbability(logits, labels, isCompletion, average: true);
        var (chosen, rejected) = Halves(policy);
        var losses = Preference.Loss(chosen - rejected - gammaBetaRatio, beta, labelSmoothing, loss);
        return WithMetrics(losses, beta * chosen, beta * rejected, policy, normaliser);
    }

    /// <summary>SimPO, Meng et al. 2024, eq. 6, of chosen and rejected responses in batches of their own, whose rows differ in length.</summary>
    /// <param name="chosenLogits">[pair chosenToken vocab].</param>
    /// <param name="rejectedLogits">[pair rejectedToken vocab].</param>
    /// <param name="chosenLabels">The token that the logits at the same place predict, [pair chosenToken], int64.</param>
    /// <param name="rejectedLabels">... [pair rejectedToken].</param>
    /// <param name="isChosen">Whether it is one of the response's, [pair chosenToken], Boolean.</param>
    /// <param name="isRejected">... [pair rejectedToken].</param>
    /// <param name="beta">The scale of the reward.</param>
    /// <param name="gammaBetaRatio">The margin aimed at, divided by beta.</param>
    /// <param name="labelSmoothing">The share of preferences that are taken to be flipped, below a half.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="SimPo" path="/returns"/>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) SimPoSeparate(
        [Axes("pair chosenToken vocab")] Tensor chosenLogits,
        [Axes("pair rejectedToken vocab")] Tensor rejectedLogits,
        [Axes("pair chosenToken")] Tensor chosenLabels,
        [Axes("pair rejectedToken")] Tensor rejectedLabels,
        [Axes("pair chosenToken")] Tensor isChosen,
        [Axes("pair rejectedToken")] Tensor isRejected,
        double beta = 2.0,
        double gammaBetaRatio = 0.25,
        double labelSmoothing = 0.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosen = Tokens.SequenceLogProbability(chosenLogits, chosenLabels, isChosen, average: true);
        var rejected = Tokens.SequenceLogProbability(rejectedLogits, rejectedLabels, isRejected, average: true);
        var (loss, chosenReward, rejectedReward, margin, accuracy) = Preference.SimPo(chosen, rejected, beta, gammaBetaRatio, labelSmoothing, normaliser: normaliser);
        return (loss, chosenReward, rejectedReward, margin, accuracy, chosen.detach(), rejected.detach());
    }

    /// <summary>CPO, Xu et al. 2024: <see cref="Preference.Cpo"/> from logits, with the likelihood of the chosen responses per token.</summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="normaliser">What the likelihood's sum is divided by, a scalar tensor; the number of tokens of the chosen responses where null.</param>
    /// <param name="beta">The scale of the reward.</param>
    /// <param name="alpha">The weight of the negative log-likelihood.</param>
    /// <param name="labelSmoothing">The share of preferences that are taken to be flipped, below a half.</param>
    /// <param name="loss">The loss of the difference; the squared one is of log-probabilities per token.</param>
    /// <param name="pairNormaliser">What the sum over pairs is divided by, a scalar tensor: their number in the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) Cpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double beta = 0.1,
        double alpha = 1.0,
        double labelSmoothing = 0.0,
        PairLoss loss = PairLoss.Sigmoid,
        [Axes(""), NoGrad] Tensor? pairNormaliser = null)
    {
        var tokens = Tokens.LogProbability(logits, labels, isCompletion);
        var policy = loss == PairLoss.Square ? Tokens.PerSequence(tokens, isCompletion) : tokens.sum([-1]);
        var (chosenPolicy, rejectedPolicy) = Halves(policy);
        var (chosenReward, rejectedReward) = (beta * chosenPolicy, beta * rejectedPolicy);
        var losses = Preference.Loss(chosenPolicy - rejectedPolicy, beta, labelSmoothing, loss);
        var (mean, chosen, rejected, margin, accuracy, chosenLogs, rejectedLogs) = WithMetrics(losses, chosenReward, rejectedReward, policy, pairNormaliser);
        return (mean + alpha * ChosenNll(tokens, isCompletion, normaliser), chosen, rejected, margin, accuracy, chosenLogs, rejectedLogs);
    }

    /// <summary>ORPO, Hong et al. 2024, eqs. 6 and 7: <see cref="Preference.Orpo"/> from logits.</summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="isText">Whether its likelihood counts, [2*pair token], Boolean: prompt and response in the paper's code; the response's where null.</param>
    /// <param name="beta">lambda of the paper: the weight of the odds ratio.</param>
    /// <param name="normaliser">What the likelihood's sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="pairNormaliser">What the sum over pairs is divided by, a scalar tensor: their number in the whole batch. Their number here where null.</param>
    /// <returns>The loss, the rewards [pair], the accuracy, the mean log odds ratio and its mean log sigmoid, and the likelihood per token.</returns>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor accuracy,
        Tensor logOdds,
        Tensor logOddsRatio,
        Tensor nll) Orpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair token")] Tensor? isText = null,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        [Axes(""), NoGrad] Tensor? pairNormaliser = null)
    {
        var counts = isText is null ? isCompletion : isText | isCompletion;
        var tokens = Tokens.LogProbability(logits, labels, counts);
        var (chosen, rejected) = Halves(Tokens.PerSequence(tokens, isCompletion));
        var nll = ChosenNll(tokens, counts, normaliser);
        var (loss, chosenReward, rejectedReward, accuracy, logOdds, logOddsRatio) = Preference.Orpo(chosen, rejected, nll, beta, pairNormaliser);
        return (loss, chosenReward, rejectedReward, accuracy, logOdds, logOddsRatio, nll.detach());
    }

    /// <summary>
    /// SLiC-HF, Zhao et al. 2023, eq. 1: <c>max(0, delta - chosen + rejected)</c>, and lambda times the negative log-likelihood of the chosen responses.
    /// </summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="delta">The margin aimed at.</param>
    /// <param name="lambda">The weight of the likelihood, a mean over responses.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) Slic(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        double delta = 1.0,
        double lambda = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var policy = Tokens.SequenceLogProbability(logits, labels, isCompletion);
        var (chosen, rejected) = Halves(policy);
        return WithMetrics(relu(delta - chosen + rejected) - lambda * chosen, chosen, rejected, policy, normaliser);
    }

    /// <summary>
    /// TPO, Saeidi et al. 2024: a reference-free preference, and the likelihood of a third, gold response. TPO-L takes log-probabilities per
    /// token and aims at a margin of gamma.
    /// </summary>
    /// <param name="logits">Of the chosen responses, then of the rejected ones, [2*pair token vocab].</param>
    /// <param name="goldLogits">Of the gold responses, [pair goldToken vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [2*pair token], int64.</param>
    /// <param name="goldLabels">... [pair goldToken].</param>
    /// <param name="isCompletion">Whether it is one of the response's, [2*pair token], Boolean.</param>
    /// <param name="isGold">... [pair goldToken].</param>
    /// <param name="beta">The scale of the reward.</param>
    /// <param name="alpha">The weight of the negative log-likelihood, per token, of the gold responses.</param>
    /// <param name="gamma">The margin that TPO-L aims at.</param>
    /// <param name="lengthNormalised">TPO-L.</param>
    /// <param name="labelSmoothing">The share of preferences that are taken to be flipped, below a half.</param>
    /// <param name="loss">The loss of the difference; the squared one is of log-probabilities per token.</param>
    /// <param name="normaliser">What the likelihood's sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="pairNormaliser">What the sum over pairs is divided by, a scalar tensor: their number in the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (
        Tensor loss,
        Tensor chosenReward,
        Tensor rejectedReward,
        Tensor margin,
        Tensor accuracy,
        Tensor chosenLogProbability,
        Tensor rejectedLogProbability) Tpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("pair goldToken vocab")] Tensor goldLogits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("pair goldToken")] Tensor goldLabels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("pair goldToken")] Tensor isGold,
        double beta = 0.01,
        double alpha = 1.0,
        double gamma = 0.5,
        bool lengthNormalised = false,
        double labelSmoothing = 0.0,
        PairLoss loss = PairLoss.Sigmoid,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        [Axes(""), NoGrad] Tensor? pairNormaliser = null)
    {
        var policy = Tokens.SequenceLogProbability(logits, labels, isCompletion, lengthNormalised || loss == PairLoss.Square);
        var (chosenPolicy, rejectedPolicy) = Halves(policy);
        var (chosenReward, rejectedReward) = (beta * chosenPolicy, beta * rejectedPolicy);
        var difference = chosenPolicy - rejectedPolicy;
        var losses = Preference.Loss(lengthNormalised ? difference - gamma / beta : difference, beta, labelSmoothing, loss);
        var (mean, chosen, rejected, margin, accuracy, chosenLogs, rejectedLogs) = WithMetrics(losses, chosenReward, rejectedReward, policy, pairNormaliser);
        var nll = -Tokens.Mean(Tokens.LogProbability(goldLogits, goldLabels, isGold), isGold, normaliser);
        return (mean + alpha * nll, chosen, rejected, margin, accuracy, chosenLogs, rejectedLogs);
    }
}
