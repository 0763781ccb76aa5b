using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <content>The likelihood of given responses: fine-tuning on them alone, or beside a preference.</content>
public static partial class Preference
{
    /// <summary>
    /// Supervised fine-tuning: the cross-entropy per token, with label smoothing (Szegedy et al. 2016, as in torch) and the z-loss of PaLM
    /// (Chowdhery et al. 2022, section 5), <c>(1 - e) nll + e (lse - mean logit) + z lse^2</c>, lse the log-sum-exp of the logits.
    /// </summary>
    /// <param name="logits">[row token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [row token], int64: <see cref="Tokens.Shift"/> makes them.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean: <c>labels != -100</c> where labels say it.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="labelSmoothing">The share e of the uniform distribution in the target.</param>
    /// <param name="zWeight">The weight of the z-loss (PaLM: 1e-4).</param>
    /// <returns>The loss, the negative log-likelihood per token, the entropy per token, and the share of labels that are the likeliest tokens.</returns>
    [Objective]
    public static (Tensor loss, Tensor nll, Tensor entropy, Tensor tokenAccuracy) Sft(
        [Axes("row token vocab")] Tensor logits,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double labelSmoothing = 0.0,
        double zWeight = 0.0)
    {
        var nll = -Tokens.LogProbability(logits, labels, isToken);
        var mass = logits.logsumexp(-1);
        var losses = (1 - labelSmoothing) * nll + labelSmoothing * (mass - logits.mean([-1])) + zWeight * mass.square();
        return (
            Tokens.Mean(losses, isToken, normaliser),
            Tokens.Metric(nll, isToken),
            Tokens.Metric(Tokens.Entropy(logits), isToken),
            Tokens.Metric(Tokens.IsLikeliest(logits, labels), isToken));
    }

    /// <summary>
    /// The focal loss, Lin et al. 2017, eq. 4, per token: <c>-(1 - p)^gamma log p</c> of the label's probability p, less a bonus for the entropy.
    /// </summary>
    /// <param name="logits">[row token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [row token], int64.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="gamma">How much less a label counts that is likely already; at least 1, as the gradient of a smaller power is infinite at p = 1.</param>
    /// <param name="entropyWeight">The weight of the entropy that is rewarded.</param>
    /// <returns>The loss, the negative log-likelihood per token, and the entropy per token.</returns>
    [Objective]
    public static (Tensor loss, Tensor nll, Tensor entropy) Focal(
        [Axes("row token vocab")] Tensor logits,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double gamma = 2.0,
        double entropyWeight = 0.0)
    {
        var logs = Tokens.LogProbability(logits, labels, isToken);
        var entropy = Tokens.Entropy(logits);
        var losses = -(-expm1(logs)).pow(gamma) * logs - entropyWeight * entropy;
        return (Tokens.Mean(losses, isToken, normaliser), Tokens.Metric(-logs, isToken), Tokens.Metric(entropy, isToken));
    }

    /// <summary>
    /// The multi-class hinge, Crammer and Singer 2001: <c>max(0, margin - (z_label - max other z))</c> of the logits z, per token.
    /// </summary>
    /// <param name="logits">[row token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict, [row token], int64.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="margin">How far the label's logit should be above the next.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the margin per token, and the share of labels that are the likeliest tokens.</returns>
    [Objective]
    public static (Tensor loss, Tensor labelMargin, Tensor tokenAccuracy) LabelHinge(
        [Axes("row token vocab")] Tensor logits,
        [Axes("row token")] Tensor labels,
        [Axes("row token")] Tensor isToken,
        double margin = 1.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var lead = Tokens.LabelMargin(logits, labels, isToken);
        return (
            Tokens.Mean(relu(margin - lead), isToken, normaliser),
            Tokens.Metric(lead, isToken),
            Tokens.Metric((lead > 0).type_as(lead), isToken));
    }
}
