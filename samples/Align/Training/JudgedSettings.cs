using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>How judged responses are learnt from.</summary>
internal sealed record JudgedSettings
{
    /// <summary>The objective.</summary>
    [JsonIgnore]
    public JudgedObjective Objective { get; init; } = JudgedObjectives.All[0];

    /// <summary>How strongly the policy is tied to the reference.</summary>
    public double Beta { get; init; } = JudgedObjective.UsualBeta;

    /// <summary>KTO's weight of good responses.</summary>
    public double DesirableWeight { get; init; } = 1;

    /// <summary>KTO's weight of bad ones.</summary>
    public double UndesirableWeight { get; init; } = 1;

    /// <summary>Responses a forward pass.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>The dtype of activations and gradients; that of the policy's parameters, or a lower one.</summary>
    public ScalarType Precision { get; init; } = ScalarType.Float32;
}
