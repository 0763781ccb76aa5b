using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <summary>Objectives whose tensors are given in every mixture of dtypes.</summary>
internal static partial class Mixtures
{
    [Objective]
    internal static (Tensor loss, Tensor logProbability) TokenLoss([Axes("token vocab")] Tensor logits, [Axes("token")] Tensor labels) =>
        (cross_entropy(logits, labels), log_softmax(logits, -1).detach());

    [Objective]
    internal static Tensor Weighted([Axes("pair token vocab")] Tensor logits, [Axes("pair token")] Tensor labels, [Axes("pair token"), NoGrad] Tensor weight) =>
        -(log_softmax(logits, -1).gather(-1, labels.unsqueeze(-1)).squeeze(-1) * weight).sum(-1).mean();

    [Objective]
    internal static Tensor Divergence([Axes("token vocab")] Tensor logits, [Axes("token vocab"), NoGrad] Tensor reference)
    {
        var logProbability = log_softmax(logits, -1);
        return (logProbability.exp() * (logProbability - log_softmax(reference, -1))).sum(-1).mean();
    }

    [Objective]
    internal static Tensor Shifted([Axes("2*pair token vocab")] Tensor logits, [Axes("pair token vocab"), NoGrad] Tensor target)
    {
        var halves = logits[TensorIndex.Colon, ..^1].chunk(2, 0);
        return ((halves[0] - halves[1]).tanh() * target[TensorIndex.Colon, ..^1]).mean() + logits[TensorIndex.Ellipsis, 0].square().mean();
    }

    [Objective]
    internal static Tensor Columns([Axes("token vocab")] Tensor logits, [Axes("vocab")] Tensor bias) =>
        ((logits + bias).exp().sum([0]).log() * bias).mean();

    [Objective]
    internal static Tensor Gathered([Axes("pair token vocab")] Tensor logits, [Axes("pair token")] Tensor labels)
    {
        var selected = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1);
        return (selected.cumsum(-1).tanh() * selected.sigmoid()).mean() + logits[TensorIndex.Ellipsis, 3].square().mean();
    }
}
