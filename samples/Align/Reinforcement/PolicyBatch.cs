using Align.Data;
using static TorchSharp.torch;

namespace Align.Reinforcement;

/// <summary>Sampled responses, and what was said of them when they were sampled.</summary>
/// <param name="batch">The tensors that models read.</param>
/// <param name="old">Log-probabilities of the tokens under the policy that drew them, [sequence token].</param>
/// <param name="reference">... under the frozen reference.</param>
/// <param name="value">The critic's values there, if there is one.</param>
internal sealed class PolicyBatch(PairBatch batch, Tensor old, Tensor reference, Tensor? value) : IDisposable
{
    /// <summary>The responses.</summary>
    public required IReadOnlyList<Response> Samples { get; init; }

    /// <summary>The tensors that models read.</summary>
    public PairBatch Batch => batch;

    /// <summary>Log-probabilities under the policy that drew the tokens.</summary>
    public Tensor Old => old;

    /// <summary>... under the frozen reference.</summary>
    public Tensor Reference => reference;

    /// <summary>The critic's values.</summary>
    public Tensor? Value => value;

    /// <summary>Advantages, of sequences or of tokens.</summary>
    public Tensor? Advantage { get; set; }

    /// <summary>Rewards of sequences, less the divergence where the loss does not hold it.</summary>
    public Tensor? Reward { get; set; }

    /// <summary>The optimal values of the sequences' prompts, where an objective needs them.</summary>
    public Tensor? Optimum { get; set; }

    /// <summary>What the critic should have said.</summary>
    public Tensor? Returns { get; set; }

    /// <summary>The log-ratio of each response to the reference: k1 of its divergence.</summary>
    public IReadOnlyList<double> Kl()
    {
        using var scope = NewDisposeScope();
        return [.. (Old - Reference).sum(1).to(ScalarType.Float64).cpu().data<double>()];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        batch.Dispose();
        old.Dispose();
        reference.Dispose();
        value?.Dispose();
        Advantage?.Dispose();
        Returns?.Dispose();
        Reward?.Dispose();
        Optimum?.Dispose();
    }
}
