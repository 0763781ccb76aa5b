using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Generator.Tests.Harness;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Language;

/// <summary>Rows of any dtypes in one kernel, of which some want no gradient.</summary>
public sealed class MixedStorageTests
{
    private const string Objective = """
        [Objective] public static Tensor Renyi([Axes("token vocab")] Tensor a, [Axes("token vocab")] Tensor b) =>
            (2 * a.log_softmax(-1) - b.log_softmax(-1)).logsumexp(-1).mean();
        """;

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Gradients_that_nobody_asked_for_are_not_written(bool first, bool second)
    {
        var type = new InMemoryProject(InMemoryProject.Usings + "public static partial class C\n{\n" + Objective + "\n}\n").Generate().Load().GetType("C")!;
        using var scope = NewDisposeScope();
        foreach (var (x, y) in new[] { (ScalarType.BFloat16, ScalarType.Float32), (ScalarType.Float32, ScalarType.Float16), (ScalarType.Float64, ScalarType.BFloat16), (ScalarType.BFloat16, ScalarType.BFloat16), (ScalarType.Float16, ScalarType.Float16) })
        {
            var (a, b) = (randn(5, 333, ScalarType.Float64).to_type(x).requires_grad_(first), randn(5, 333, ScalarType.Float64).to_type(y).requires_grad_(second));
            var wanted = Gradients(type, Exact(a), Exact(b));
            var got = WithResiduals(() => Gradients(type.GetNestedType("Fused")!, a, b));
            for (var i = 0; i < 2; i++)
            {
                Assert.Equal(wanted[i] is null, got[i] is null);
                if (wanted[i] is { } exact)
                    Assert.True((got[i]! - exact).abs().max().ToDouble() < 0.005 * exact.abs().max().ToDouble());
            }
        }
    }

    /// <summary>The gradients as those of large tensors are computed: in the backward.</summary>
    private static Tensor?[] WithResiduals(Func<Tensor?[]> run)
    {
        var most = ObjectiveRun.MostPrecomputed;
        ObjectiveRun.MostPrecomputed = -1;
        try
        {
            return run();
        }
        finally
        {
            ObjectiveRun.MostPrecomputed = most;
        }
    }

    private static Tensor Exact(Tensor x) => x.detach().to_type(ScalarType.Float64).requires_grad_(x.requires_grad);

    private static Tensor?[] Gradients(Type surface, Tensor a, Tensor b)
    {
        ((Tensor)surface.GetMethod("Renyi")!.Invoke(null, [a, b])!).backward();
        return [a.grad, b.grad];
    }
}
