using Dpo.Autodiff.Execution;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>Calls that give value and gradients at once, outside the graph.</summary>
[Collection(Route.Collection)]
public class WithGradTests
{
    public static TheoryData<Way> Ways => FusedTests.Ways;

    [Theory]
    [MemberData(nameof(Ways))]
    public void GivesWhatBackwardGives(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64, ScalarType.BFloat16 })
        {
            Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(i => randn(50).to(dtype).requires_grad_(i < 2))];
            var results = DpoObjective.Fused(tensors);
            results[0].backward();
            foreach (var given in new[] { tensors, [.. tensors.Select(tensor => tensor.detach())] })
            {
                var found = DpoObjective.WithGrad(given);
                Assert.Equal(5, found.Length);
                for (var i = 0; i < 3; i++)
                    Values.Near(results[i], found[i], 0);
                for (var i = 0; i < 2; i++)
                    Values.Near(tensors[i].grad, found[3 + i]);
                Assert.All(found, tensor => Assert.Equal(dtype, tensor!.dtype));
                Assert.All(found, tensor => Assert.False(tensor!.requires_grad));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void TakesAnUpstreamGradient(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(_ => randn(6))];
        var once = DpoObjective.WithGrad(tensors);
        var scaled = WithGrad(tensors, tensor(-2.5f));
        Values.Near(once[3]!.mul(tensor(-2.5f)), scaled[3]);
        Values.Near(once[0], scaled[0]);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void WholeNumbersHaveNoGradient(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var found = DpoObjective.WithGrad(randn(6), randint(0, 5, 6), randn(6), randn(6));
        Assert.NotNull(found[3]);
        Assert.Null(found[4]);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void ChecksTheUpstreamGradient(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(_ => randn(6))];
        Assert.StartsWith("Dpo: upstream has shape [6], but loss has [].", Rejected(ones(6)), StringComparison.Ordinal);
        Assert.StartsWith("Dpo: upstream is Int64", Rejected(tensor(1L)), StringComparison.Ordinal);
        var disposed = tensor(1f);
        disposed.Dispose();
        Assert.StartsWith("Dpo: upstream has been disposed.", Rejected(disposed), StringComparison.Ordinal);

        string Rejected(Tensor upstream) => Assert.Throws<ObjectiveArgumentException>(() => WithGrad(tensors, upstream)).Message;
    }

    [Fact]
    public void EagerGivesTheSame()
    {
        using var scope = NewDisposeScope();
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(_ => randn(6).requires_grad_(true))];
        var fused = DpoObjective.WithGrad(tensors);
        using var route = new Route(Backend.Eager);
        var eager = DpoObjective.WithGrad(tensors);
        for (var i = 0; i < 5; i++)
        {
            Values.Near(eager[i], fused[i], 4e-6);
            Assert.False(eager[i]!.requires_grad);
        }

        Assert.Null(tensors[0].grad);
    }

    [Fact]
    public void CheckFindsTheFirstDifference()
    {
        using var scope = NewDisposeScope();
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(_ => randn(6))];
        var eager = DpoObjective.Eager(tensors);
        var fused = DpoObjective.Fused(tensors);
        ObjectiveRun.Check(DpoObjective.Spec, fused, eager);
        fused[2] = fused[2].clone();
        fused[2][4] = 99f;
        var exception = Assert.Throws<InvalidOperationException>(() => ObjectiveRun.Check(DpoObjective.Spec, fused, eager));
        Assert.StartsWith("Dpo: rejectedReward[4] is 99 fused", exception.Message, StringComparison.Ordinal);
        fused[2] = fused[2][..3];
        Assert.Throws<InvalidOperationException>(() => ObjectiveRun.Check(DpoObjective.Spec, fused, eager));
    }

    private static Tensor?[] WithGrad(Tensor[] tensors, Tensor? upstream)
    {
        Span<long> extents = stackalloc long[1];
        Assert.True(DpoObjective.Spec.Bind(tensors, extents));
        return ObjectiveRun.WithGrad(DpoObjective.Spec, DpoObjective.Variant, tensors, extents, [DpoObjective.Beta], upstream);
    }
}
