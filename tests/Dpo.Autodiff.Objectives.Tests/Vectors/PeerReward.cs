using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>The peers' spellings of the Bradley-Terry loss, in the language.</summary>
internal static partial class PeerReward
{
    /// <summary>OpenRLHF's LogExpLoss, which overflows as written.</summary>
    [Objective]
    internal static Tensor LogExp([Axes("pair")] Tensor chosen, [Axes("pair")] Tensor rejected) => log(1 + exp(rejected - chosen)).mean();

    /// <summary>HALOs' binary cross-entropy.</summary>
    [Objective]
    internal static Tensor BinaryCrossEntropy([Axes("pair")] Tensor chosen, [Axes("pair")] Tensor rejected) =>
        binary_cross_entropy_with_logits(chosen - rejected, ones_like(chosen));
}
