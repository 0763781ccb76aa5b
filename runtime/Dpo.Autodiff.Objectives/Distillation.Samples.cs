using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>From what the student samples itself.</content>
public static partial class Distillation
{
    /// <summary>
    /// The reverse divergence from tokens that the student sampled, as a policy gradient whose reward is the teacher's log-ratio:
    /// <c>(log student - log teacher) log student</c>, the first factor without gradient.
    /// </summary>
    /// <param name="logits">Logits of the student, [row token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [row token], int64.</param>
    /// <param name="isToken">Whether it was sampled, [row token], Boolean.</param>
    /// <param name="teacherTokens">Log-probabilities of the tokens under the teacher, [row token] (<see cref="Tokens.Select"/>).</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <returns>The loss, and the k1 estimate of the divergence.</returns>
    [Objective]
    public static (Tensor loss, Tensor kl) OnPolicy(
        [Axes("row token vocab")] Tensor logits,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isToken,
        [Axes("row token"), NoGrad] Tensor teacherTokens,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var student = Tokens.LogProbability(logits, labels, isToken);
        var difference = (student - teacherTokens).detach();
        return (Tokens.Mean(difference * student, isToken, normaliser), Tokens.Metric(difference, isToken));
    }

    /// <summary>
    /// IW-OPD, as TRL has it: <see cref="OnPolicy"/> whose early tokens count more, those before most of the disagreement of a row,
    /// <c>-(1 + gamma (1 - sum of |A| before / sum of |A|)) A log student</c> with the advantage A = log teacher - log student of the sampled token.
    /// </summary>
    /// <param name="logits">Logits of the student, [row token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [row token], int64.</param>
    /// <param name="isToken">Whether it was sampled, [row token], Boolean.</param>
    /// <param name="teacherTokens">Log-probabilities of the tokens under the teacher, [row token] (<see cref="Tokens.Select"/>).</param>
    /// <param name="old">... under the student that sampled them.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="gamma">How much more the first token counts.</param>
    /// <param name="temperature">What logits are divided by: that of sampling.</param>
    /// <returns>The loss, the k1 estimate of the divergence, and the mean weight.</returns>
    [Objective]
    public static (Tensor loss, Tensor kl, Tensor weight) ImportanceWeighted(
        [Axes("row token vocab")] Tensor logits,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isToken,
        [Axes("row token"), NoGrad] Tensor teacherTokens,
        [Axes("row token"), NoGrad] Tensor old,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double gamma = 0.5,
        double temperature = 1.0)
    {
        var student = Tokens.LogProbability(logits, labels, isToken, temperature);
        var advantage = where(isToken, teacherTokens - old, 0.0);
        var weight = PrefixWeight(advantage, gamma);
        return (Tokens.Mean(-weight * advantage * student, isToken, normaliser), -Tokens.Metric(advantage, isToken), Tokens.Metric(weight, isToken));
    }

    /// <summary>
    /// MiniLLM, Gu et al. 2024, as TRL has it: GRPO whose advantage is that of the sequence and the teacher's log-ratios of the tokens to come, each gamma
    /// times the one before; and beside it the reverse divergence of each step.
    /// </summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher.</param>
    /// <param name="labels">The token that the logits at the same place predict, [row token], int64.</param>
    /// <param name="isToken">Whether it was sampled, [row token], Boolean.</param>
    /// <param name="advantage">The advantage of each row's own reward, [row]; 0 without one.</param>
    /// <param name="normaliser">What sums are divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="gamma">How much the next token's log-ratio counts; 0 takes each token's own alone.</param>
    /// <param name="lengthNormalised">Divides what is to come by the weights of what is to come.</param>
    /// <param name="singleStep">Adds the reverse divergence of each step.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <returns>The loss, and the k1 estimate of the divergence.</returns>
    [Objective]
    public static (Tensor loss, Tensor kl) MiniLlm(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isToken,
        [Axes("row"), NoGrad] Tensor advantage,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double gamma = 0.0,
        bool lengthNormalised = true,
        bool singleStep = true,
        double temperature = 1.0)
    {
        var logs = Tokens.LogProbability(student, labels, isToken, temperature);
        var reward = (Tokens.LogProbability(teacher, labels, isToken, temperature) - logs).detach();
        var total = advantage.unsqueeze(-1) + (gamma == 0 ? reward : ToCome(reward, isToken, gamma, lengthNormalised));
        var losses = -total * PolicyGradient.Ratio(logs - logs.detach());
        if (singleStep)
            losses += KullbackLeibler(Tokens.TemperedLogSoftmax(student, temperature), Tokens.TemperedLogSoftmax(teacher, temperature));
        return (Tokens.Mean(losses, isToken, normaliser), -Tokens.Metric(reward, isToken));
    }

    /// <summary>IW-OPD's weights of the tokens, without gradient: <c>1 + gamma</c> at the first, 1 where all disagreement of the row lies before.</summary>
    [ObjectiveFunction]
    public static Tensor PrefixWeight(Tensor advantage, double gamma)
    {
        var size = advantage.abs();
        var before = size.cumsum(-1) - size;
        return (1 + gamma * (1 - before / size.sum([-1], keepdim: true).clamp_min(1e-8))).detach();
    }

    /// <summary>
    /// MiniLLM's sum over the tokens to come, of which each counts gamma times the one before; divided by the sum of what they count, where a token that
    /// does not count is nearly nothing.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor ToCome(Tensor values, Tensor isToken, double gamma, bool lengthNormalised)
    {
        var sum = Tokens.Discounted(values, gamma);
        return lengthNormalised ? sum / Tokens.Discounted(where(isToken, ones_like(values), 1e-4), gamma) : sum;
    }
}
