using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>How pairs are learnt from.</summary>
internal sealed record PreferenceSettings
{
    /// <summary>The objective.</summary>
    [JsonIgnore]
    public PairObjective Objective { get; init; } = PairObjectives.Named("dpo");

    /// <summary>How strongly the policy is tied to the reference.</summary>
    public double Beta { get; init; } = 0.1;

    /// <summary>The share of labels that are taken to be flipped.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Pairs a forward pass.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>The dtype of activations and gradients; that of the policy's parameters, or a lower one.</summary>
    public ScalarType Precision { get; init; } = ScalarType.Float32;
}
