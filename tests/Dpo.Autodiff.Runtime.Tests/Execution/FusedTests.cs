using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>Fused calls as part of TorchSharp's autograd graph, by every way through the runtime.</summary>
[Collection(Route.Collection)]
public class FusedTests
{
    public static TheoryData<Way> Ways => [.. Enum.GetValues<Way>()];

    [Theory]
    [MemberData(nameof(Ways))]
    public void GivesEagersValuesAndGradients(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        foreach (var n in new[] { 1, 64, 100_000 })
        {
            var (eager, fused) = Twins(() => randn(n));
            var expected = DpoObjective.Eager(eager);
            var found = DpoObjective.Fused(fused);
            for (var i = 0; i < 3; i++)
            {
                Values.Near(expected[i], found[i]);
                Assert.Equal(expected[i].requires_grad, found[i].requires_grad);
                Assert.Equal(expected[i].dtype, found[i].dtype);
            }

            expected[0].backward();
            found[0].backward();
            SameGradients(eager, fused);
            Assert.Null(fused[2].grad);
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void IsPartOfLargerGraphs(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var (eager, fused) = Twins(() => randn(33));
        foreach (var (tensors, call) in new (Tensor[], Func<Tensor[], Tensor[]>)[] { (eager, t => DpoObjective.Eager(t)), (fused, t => DpoObjective.Fused(t)) })
        {
            Tensor[] derived = [tensors[0].exp(), tensors[1].mul(tensors[0]), tensors[2], tensors[3]];
            var loss = call(derived)[0];
            var total = loss.mul(loss).add(tensors[0].sum());
            total.backward();
        }

        SameGradients(eager, fused);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void DifferentiatesSeveralResults(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        foreach (var used in new[] { 0b111, 0b001, 0b010, 0b110 })
        {
            var (eager, fused) = Twins(() => randn(50));
            foreach (var (tensors, results) in new[] { (eager, DpoObjective.Eager(eager, areRewardsDifferentiable: true)), (fused, DpoObjective.Fused(DpoObjective.ThreeResults, fused)) })
            {
                Assert.All(results, result => Assert.True(result.requires_grad));
                var total = zeros([]);
                for (var i = 0; i < 3; i++)
                {
                    if ((used & (1 << i)) != 0)
                        total = total.add(results[i].mul(results[i]).sum());
                }

                total.backward();
            }

            SameGradients(eager, fused);
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void ASecondBackwardAddsTheSameAgain(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        foreach (var n in new[] { 17, 200_000 })
        {
            var (_, fused) = Twins(() => randn(n));
            var loss = DpoObjective.Fused(fused)[0];
            var scaled = loss.mul(tensor(3f));
            scaled.backward(retain_graph: true);
            var once = Values.Of(fused[0].grad);
            fused[0].grad!.zero_();
            scaled.backward(retain_graph: true);
            scaled.backward();
            Values.Near([.. once.Select(value => 2 * value)], Values.Of(fused[0].grad));
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void CallsDoNotDisturbEachOther(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var (eagerA, fusedA) = Twins(() => randn(20));
        var (eagerB, fusedB) = Twins(() => randn(90));
        DpoObjective.Eager(eagerA)[0].backward();
        DpoObjective.Eager(eagerB)[0].backward();
        var a = DpoObjective.Fused(fusedA)[0];
        var b = DpoObjective.Fused(fusedB)[0];
        a.backward();
        b.backward();
        SameGradients(eagerA, fusedA);
        SameGradients(eagerB, fusedB);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void OnlyWantedGradientsAreMade(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        Tensor[] fused = [randn(9), randn(9).requires_grad_(true), randn(9).requires_grad_(true), randn(9)];
        DpoObjective.Fused(fused)[0].backward();
        Assert.Null(fused[0].grad);
        Assert.NotNull(fused[1].grad);
        Assert.Null(fused[2].grad);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void NothingIsRecordedWithoutGrad(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var (_, fused) = Twins(() => randn(9));
        using (no_grad())
            Assert.False(DpoObjective.Fused(fused)[0].requires_grad);
        using (inference_mode())
            Assert.False(DpoObjective.Fused(fused)[0].requires_grad);
        Assert.False(DpoObjective.Fused([.. fused.Select(tensor => tensor.detach())])[0].requires_grad);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void ReadsViews(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        foreach (var view in new Func<Tensor, Tensor>[]
        {
            tensor => tensor.t()[0],
            tensor => tensor.select(1, 2),
            tensor => tensor[1, ..7],
            tensor => tensor[0, 0].expand(7),
            tensor => tensor[2, 3..10],
        })
        {
            var (eager, fused) = Twins(() => randn(7, 12));
            DpoObjective.Eager([.. eager.Select(view)])[0].backward();
            DpoObjective.Fused([.. fused.Select(view)])[0].backward();
            SameGradients(eager, fused);
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void ReadsNegatedViews(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(_ => randn(6, ScalarType.ComplexFloat32).conj().imag)];
        Assert.True(tensors[0].is_neg());
        Values.Near(DpoObjective.Eager(tensors)[0], DpoObjective.Fused(tensors)[0]);
    }

    [Theory]
    [InlineData(ScalarType.Float64, 1e-12)]
    [InlineData(ScalarType.Float32, 2e-6)]
    [InlineData(ScalarType.BFloat16, 8e-3)]
    [InlineData(ScalarType.Float16, 1e-3)]
    public void EveryDTypeIsRoundedOnce(ScalarType dtype, double tolerance)
    {
        foreach (var way in Enum.GetValues<Way>())
        {
            using var route = new Route(way);
            using var scope = NewDisposeScope();
            foreach (var n in new[] { 40, 70_000 })
            {
                Tensor[] fused = [.. Enumerable.Range(0, 4).Select(i => randn(n).to(dtype).requires_grad_(i < 2))];
                Tensor[] wide = [.. fused.Select(tensor => tensor.detach().to(ScalarType.Float64).requires_grad_(tensor.requires_grad))];
                var expected = DpoObjective.Eager(wide);
                var found = DpoObjective.Fused(fused);
                Assert.All(found, result => Assert.Equal(dtype, result.dtype));
                for (var i = 0; i < 3; i++)
                    Values.Near(expected[i], found[i], tolerance);
                expected[0].backward();
                found[0].backward();
                for (var i = 0; i < 2; i++)
                {
                    Assert.Equal(dtype, fused[i].grad!.dtype);
                    Values.Near(wide[i].grad, fused[i].grad, tolerance);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void MixedDTypesArePromotedAsInTorch(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        Tensor[] tensors =
        [
            randn(12, ScalarType.Float64).requires_grad_(true),
            randn(12).requires_grad_(true),
            randint(-3, 3, 12),
            randn(12).to(ScalarType.Float16),
        ];
        var expected = DpoObjective.Eager(tensors);
        var found = DpoObjective.Fused(tensors);
        Assert.Equal(ScalarType.Float64, found[0].dtype);
        Values.Near(expected[0], found[0]);
        found[0].backward();
        Assert.Equal(ScalarType.Float64, tensors[0].grad!.dtype);
        Assert.Equal(ScalarType.Float32, tensors[1].grad!.dtype);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void OneTensorMayBeTwoParameters(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var x = randn(8).requires_grad_(true);
        var y = x.detach().clone().requires_grad_(true);
        var reference = randn(8);
        DpoObjective.Eager([x, x, reference, x])[0].backward();
        DpoObjective.Fused(y, y, reference, y)[0].backward();
        Values.Near(x.grad, y.grad);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void AcceptsNoPairs(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var (_, fused) = Twins(() => randn(0));
        var found = DpoObjective.Fused(fused);
        Assert.True(double.IsNaN(Values.Of(found[0])[0]));
        Assert.Equal([0], found[1].shape);
        found[0].backward();
        Assert.Equal([0], fused[0].grad!.shape);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void AnInPlaceChangeInBetweenIsAnError(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var (_, fused) = Twins(() => randn(8));
        var results = DpoObjective.Fused(DpoObjective.ThreeResults, fused);
        fused[2].add_(ones(8));
        Assert.Throws<ExternalException>(() => results[1].sum().backward());
        Assert.Contains("inplace operation", BackwardFailure.Last!.Message, StringComparison.Ordinal);

        // The process is well: the next call works.
        DpoObjective.Fused(DpoObjective.ThreeResults, fused)[1].sum().backward();
        Assert.NotNull(fused[0].grad);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void GradientsThatTheForwardComputedDoNotReadTheInputsAgain(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var (eager, fused) = Twins(() => randn(8));
        DpoObjective.Eager(eager)[0].backward();
        var loss = DpoObjective.Fused(fused)[0];
        fused[2].add_(ones(8));
        loss.backward();
        SameGradients(eager, fused);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void GradientsAreDifferentiable(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        foreach (var variant in new[] { DpoObjective.Variant, DpoObjective.ThreeResults })
        {
            var (eager, fused) = Twins(() => randn(11, ScalarType.Float64));
            foreach (var (tensors, loss) in new[] { (eager, DpoObjective.Eager(eager)[0]), (fused, DpoObjective.Fused(variant, fused)[0]) })
            {
                var gradients = autograd.grad([loss.mul(loss)], [tensors[0], tensors[1]], retain_graph: true, create_graph: true);
                gradients[0].mul(gradients[1]).sum().add(gradients[0].pow(tensor(2.0)).sum()).backward();
            }

            SameGradients(eager, fused, 1e-12);
            Assert.Null(fused[2].grad);
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void ThreadsDoNotDisturbEachOther(Way way)
    {
        using var route = new Route(way);
        var failures = new System.Collections.Concurrent.ConcurrentQueue<Exception>();
        var threads = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < 50; i++)
            {
                try
                {
                    using var scope = NewDisposeScope();
                    var (eager, fused) = Twins(() => randn(40 + i));
                    DpoObjective.Eager(eager)[0].backward();
                    DpoObjective.Fused(fused)[0].backward();
                    SameGradients(eager, fused);
                }
                catch (Exception exception)
                {
                    failures.Enqueue(exception);
                }
            }
        })).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        Assert.Empty(failures);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void AnotherThreadMayRunTheBackwardAndDropTheResults(Way way)
    {
        using var route = new Route(way);
        var (eager, fused) = Twins(() => randn(40));
        DpoObjective.Eager(eager)[0].backward();
        var results = DpoObjective.Fused(fused);
        var thread = new Thread(() =>
        {
            results[0].backward();
            foreach (var result in results)
                result.Dispose();
        });
        thread.Start();
        thread.Join();
        SameGradients(eager, fused);
    }

    [Fact]
    public void OtherDevicesTakeTorch()
    {
        using var scope = NewDisposeScope();
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(i => ones(5, device: META).requires_grad_(i < 2))];
        foreach (var variant in new[] { DpoObjective.Variant, DpoObjective.ThreeResults })
        {
            var results = DpoObjective.Fused(variant, tensors);
            Assert.Equal(META.type, results[0].device_type);
            results[0].backward();
            Assert.Equal([5], tensors[0].grad!.shape);
        }
    }

    [Fact]
    public void DetachedResultsAreOutsideTheGraph()
    {
        using var scope = NewDisposeScope();
        var (_, fused) = Twins(() => randn(5));
        var results = DpoObjective.Fused(fused);
        Assert.False(results[1].requires_grad);
        Assert.True(results[1].is_leaf);
        Assert.False(results[0].is_leaf);
    }

    private static (Tensor[] Eager, Tensor[] Fused) Twins(Func<Tensor> make)
    {
        Tensor[] eager = [.. Enumerable.Range(0, 4).Select(i => make().requires_grad_(i < 2))];
        return (eager, [.. eager.Select(tensor => tensor.detach().clone().requires_grad_(tensor.requires_grad))]);
    }

    private static void SameGradients(Tensor[] eager, Tensor[] fused, double tolerance = 4e-6)
    {
        for (var i = 0; i < 2; i++)
        {
            // Nothing is left where no path reaches.
            Assert.Equal(eager[i].grad is null, fused[i].grad is null);
            if (eager[i].grad is { } expected)
                Values.Near(expected, fused[i].grad, tolerance);
        }
    }
}
