using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>The catalogue's terms from logits, with a cotangent.</summary>
internal static partial class PeerLogits
{
    /// <summary>selective_log_softmax.</summary>
    [Objective]
    internal static (Tensor loss, Tensor output) SelectiveLogSoftmax(
        [Axes("row token vocab")] Tensor logits, [Axes("row token")] Tensor index, [Axes("row token"), NoGrad] Tensor cotangent)
    {
        var output = Tokens.Select(logits, index, index >= 0).logProbability;
        return ((output * cotangent).sum(), output.detach());
    }

    /// <summary>entropy_from_logits.</summary>
    [Objective]
    internal static (Tensor loss, Tensor output) Entropy([Axes("row token vocab")] Tensor logits, [Axes("row token"), NoGrad] Tensor cotangent)
    {
        var output = Tokens.Entropy(logits);
        return ((output * cotangent).sum(), output.detach());
    }
}
