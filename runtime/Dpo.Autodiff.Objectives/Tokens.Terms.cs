using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>What objectives over tokens are made of; objectives of other assemblies can call these too.</content>
public static partial class Tokens
{
    /// <summary>
    /// The log-probability of each label, <c>log softmax(logits / temperature)[label]</c>, and 0 where a token does not count: neither the logits
    /// nor the label there are looked at.
    /// </summary>
    /// <param name="logits">[... token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [... token], int64; anything, -100 say, where it does not count.</param>
    /// <param name="isToken">Whether a token counts, [... token], Boolean.</param>
    /// <param name="temperature">What logits are divided by.</param>
    [ObjectiveFunction]
    public static Tensor LogProbability(Tensor logits, Tensor labels, Tensor isToken, double temperature = 1.0)
    {
        var known = where(isToken, labels, 0L).unsqueeze(-1);
        return where(isToken, TemperedLogSoftmax(logits, temperature).gather(-1, known).squeeze(-1), 0.0);
    }

    /// <summary><c>log softmax(logits / temperature)</c> over the last axis.</summary>
    [ObjectiveFunction]
    public static Tensor TemperedLogSoftmax(Tensor logits, double temperature) => (logits / temperature).log_softmax(-1);

    /// <summary>The log-probability of each sequence: the sum of its tokens', or their mean.</summary>
    /// <param name="logits">[... token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [... token], int64.</param>
    /// <param name="isToken">Whether a token counts, [... token], Boolean.</param>
    /// <param name="average">Takes the mean, which is 0 for a sequence without tokens.</param>
    [ObjectiveFunction]
    public static Tensor SequenceLogProbability(Tensor logits, Tensor labels, Tensor isToken, bool average = false)
    {
        var sum = LogProbability(logits, labels, isToken).sum([-1]);
        return average ? Preference.PerToken(sum, isToken.sum([-1])) : sum;
    }

    /// <summary>The entropy of each distribution, <c>-sum p log p</c> over the last axis.</summary>
    [ObjectiveFunction]
    public static Tensor Entropy(Tensor logits)
    {
        var logs = logits.log_softmax(-1);
        return -(exp(logs) * logs).sum([-1]);
    }

    /// <summary>How likely two tokens of each distribution are the same, <c>sum p^2</c> over the last axis.</summary>
    [ObjectiveFunction]
    public static Tensor Collision(Tensor logits) => exp((2 * logits).logsumexp(-1) - 2 * logits.logsumexp(-1));

    /// <summary>How far the label's logit is above the largest other one, and 0 where a token does not count.</summary>
    [ObjectiveFunction]
    public static Tensor LabelMargin(Tensor logits, Tensor labels, Tensor isToken)
    {
        var known = where(isToken, labels, 0L).unsqueeze(-1);
        var isLabel = arange(logits.size(-1)) == known;
        var others = logits.masked_fill(isLabel, double.NegativeInfinity).amax([-1]);
        return where(isToken, logits.gather(-1, known).squeeze(-1) - others, 0.0);
    }

    /// <summary>The sum of what counts.</summary>
    [ObjectiveFunction]
    public static Tensor Sum(Tensor values, Tensor isToken) => where(isToken, values, 0.0).sum();

    /// <summary>
    /// The sum of what counts, divided by a number: by that of the tokens that count, at least 1, where none is given. Gradient accumulation and
    /// data parallelism give the number of the whole batch.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor Mean(Tensor values, Tensor isToken, Tensor? normaliser) =>
        Sum(values, isToken) / (normaliser is null ? isToken.sum().clamp_min(1) : normaliser);

    /// <summary>
    /// The mean of each sequence's mean over its tokens; a sequence without tokens counts as 0. Their sum divided by a number where one is given: that of the
    /// sequences of the whole batch.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor SequenceMean(Tensor values, Tensor isToken, Tensor? normaliser = null) => Preference.Mean(PerSequence(values, isToken), normaliser);

    /// <summary>The mean over each sequence's tokens, and 0 without any.</summary>
    [ObjectiveFunction]
    public static Tensor PerSequence(Tensor values, Tensor isToken) =>
        Preference.PerToken(where(isToken, values, 0.0).sum([-1]), isToken.sum([-1]));

    /// <summary>The mean of what counts, without gradient, as trainers log it.</summary>
    [ObjectiveFunction]
    public static Tensor Metric(Tensor values, Tensor isToken) => Mean(values, isToken, null).detach();

    /// <summary>Whether the label is the likeliest token, as 0 or 1 in the logits' dtype (TRL's mean_token_accuracy, before the mean).</summary>
    [ObjectiveFunction]
    public static Tensor IsLikeliest(Tensor logits, Tensor labels) => (logits.argmax(-1) == labels).type_as(logits);

    /// <summary>
    /// The sum over the tokens from each on, of which one counts gamma times the one before: <c>sum over k >= t of gamma^(k - t) x_k</c>, along the last
    /// axis. No power of gamma is divided by, so that it is exact in long rows too.
    /// </summary>
    /// <param name="values">[row token].</param>
    /// <param name="gamma">The discount, above 0.</param>
    [ObjectiveFunction]
    public static Tensor Discounted(Tensor values, double gamma)
    {
        var place = arange(values.size(-1)).type_as(values);
        var ahead = place.unsqueeze(1) - place.unsqueeze(0);
        return values.matmul(where(ahead >= 0, exp(ahead.clamp_min(0) * Math.Log(gamma)), 0.0));
    }
}
