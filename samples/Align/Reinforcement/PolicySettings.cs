using Align.Model;
using static TorchSharp.torch;

namespace Align.Reinforcement;

/// <summary>How a policy learns from its own samples.</summary>
internal sealed record PolicySettings
{
    /// <summary>The objective's name.</summary>
    public string Objective { get; init; } = "grpo";

    /// <summary>The weight of the divergence from the reference.</summary>
    public double Beta { get; init; } = 0.04;

    /// <summary>Responses a prompt, which are compared with each other.</summary>
    public int GroupSize { get; init; } = 8;

    /// <summary>How often the same samples are learnt from.</summary>
    public int Reuse { get; init; } = 1;

    /// <summary>Sequences a forward pass.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>GAE's discount of errors, with a critic.</summary>
    public double Lambda { get; init; } = 0.95;

    /// <summary>The weight of the critic's loss.</summary>
    public double ValueWeight { get; init; } = 0.1;

    /// <summary>The dtype of activations and gradients: that of the policy's parameters where null, or a lower one.</summary>
    public ScalarType? Precision { get; init; }

    /// <summary>How responses are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new() { MaximumTokens = 48 };
}
