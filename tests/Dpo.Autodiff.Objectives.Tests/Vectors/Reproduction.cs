using Dpo.Autodiff.Objectives.Tests.Harness;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>How a published case is computed here: the objective, its arguments, and which of its parameters and results are the peer's.</summary>
/// <param name="Objective">The objective that computes it.</param>
/// <param name="Arguments">Tensors and hyper-parameters by name.</param>
/// <param name="Inputs">Our parameter for each input that the peer differentiated.</param>
/// <param name="Outputs">Our result for each of the peer's outputs that we have.</param>
internal sealed record Reproduction(
    ObjectiveUnderTest Objective,
    Dictionary<string, object?> Arguments,
    IReadOnlyDictionary<string, string> Inputs,
    IReadOnlyDictionary<string, string> Outputs)
{
    /// <summary>The largest intermediate of the peer's formula, where the values that come out are much smaller.</summary>
    public double Scale { get; init; }

    /// <summary>The peer's loss is NaN, and the gradients that it has beside it say nothing about the objective.</summary>
    public bool IsWithoutGradient { get; init; }
}
