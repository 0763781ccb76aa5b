using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>How a reward model learns.</summary>
internal sealed record RewardSettings
{
    /// <summary>The objective.</summary>
    [JsonIgnore]
    public RewardObjective Objective { get; init; } = RewardObjective.All[0];

    /// <summary>Pairs a forward pass.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>How strongly the mean of scores is tied to 0; null for not at all.</summary>
    public double? Centering { get; init; }

    /// <summary>The dtype of activations and gradients; that of the model's parameters, or a lower one.</summary>
    public ScalarType Precision { get; init; } = ScalarType.Float32;
}
