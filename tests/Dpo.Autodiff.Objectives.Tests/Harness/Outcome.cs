using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Harness;

/// <summary>What an objective returned, by result, and the gradients of its first result, by parameter (null where it has none).</summary>
internal sealed record Outcome(IReadOnlyDictionary<string, Tensor> Results, IReadOnlyDictionary<string, Tensor?> Gradients)
{
    public Tensor Loss => Results.First().Value;
}
