using static TorchSharp.torch;

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
}
