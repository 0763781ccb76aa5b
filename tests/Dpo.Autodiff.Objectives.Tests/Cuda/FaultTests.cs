using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Testing;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>What a card finds wrong with the data is said at the next call, or by <see cref="Objective.Synchronize"/>.</summary>
[Collection(CudaCatalogue.Collection)]
public sealed partial class FaultTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose()
    {
        CudaDevices.Emulated = null;
        scope.Dispose();
    }

    /// <summary>The log-probabilities of sequences.</summary>
    [Objective]
    internal static Tensor LogProbability([Axes("pair token vocab")] Tensor logits, [Axes("pair token")] Tensor labels) =>
        log_softmax(logits, -1).gather(-1, labels.unsqueeze(-1)).squeeze(-1).sum(-1);

    [SkippableTheory]
    [InlineData(7)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void AnIndexOutOfRangeIsNamedAfterwards(long label)
    {
        Toolchain.Require(Toolchain.Gcc);
        CudaDevices.Emulated = new EmulatedDevice();
        var logits = randn(3, 4, 7);
        var labels = randint(7, [3, 4], int64);
        labels[1, 2] = label;
        var values = Fused.LogProbability(logits, labels);
        Assert.Equal([false, true, false], values.isnan().data<bool>().ToArray());

        var exception = Assert.Throws<ObjectiveArgumentException>(Objective.Synchronize);
        Assert.Equal("labels", exception.ParamName);
        Assert.StartsWith($"LogProbability: in an earlier call, labels had {label} at [1, 2], which is out of range of an axis of size 7.", exception.Message, StringComparison.Ordinal);
        Objective.Synchronize();
    }

    [SkippableFact]
    public void TheNextCallThrowsAndKnowsTheSizesOfTheOneBefore()
    {
        Toolchain.Require(Toolchain.Gcc);
        CudaDevices.Emulated = new EmulatedDevice();
        var labels = zeros([2, 5], int64);
        Fused.LogProbability(randn(2, 5, 9), labels);
        labels[0, 3] = 9;
        Fused.LogProbability(randn(2, 5, 9), labels);
        var exception = Assert.Throws<ObjectiveArgumentException>(() => Fused.LogProbability(randn(1, 1, 2), zeros([1, 1], int64)));
        Assert.Contains("labels had 9 at [0, 3], which is out of range of an axis of size 9.", exception.Message, StringComparison.Ordinal);
        Assert.True(Fused.LogProbability(randn(1, 1, 2), zeros([1, 1], int64)).isfinite().all().item<bool>());
    }
}
