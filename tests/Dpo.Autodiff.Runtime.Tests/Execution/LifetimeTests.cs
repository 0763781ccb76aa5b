using System.Diagnostics;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>No call leaves anything behind, and none reads what is gone.</summary>
[Collection(Route.Collection)]
public class LifetimeTests
{
    public static TheoryData<Way> Ways => FusedTests.Ways;

    [Theory]
    [MemberData(nameof(Ways))]
    public void ResultsBelongToTheCallersScope(Way way)
    {
        using var route = new Route(way);
        Tensor[] tensors = [randn(9).requires_grad_(true), randn(9).to(ScalarType.Float16).requires_grad_(true), randn(9), randn(18)[(Index)0].expand(9)];
        var live = Tensor.TotalCount;
        for (var i = 0; i < 3; i++)
        {
            Tensor kept;
            using (var scope = NewDisposeScope())
            {
                var results = DpoObjective.Fused(tensors);
                Assert.Equal(3, scope.DisposablesCount);
                results[0].backward();
                Assert.Equal(3, scope.DisposablesCount);
                DpoObjective.WithGrad(tensors);
                Assert.Equal(8, scope.DisposablesCount);
                kept = results[0].MoveToOuterDisposeScope();
            }

            Assert.False(kept.IsInvalid);
            kept.Dispose();
        }

        if (way is Way.SimdByExports or Way.TorchByExports)
            Assert.Equal(live, Tensor.TotalCount);
        foreach (var tensor in tensors)
            tensor.Dispose();
    }

    [Fact]
    public void TwoHundredThousandCallsLeaveNothing()
    {
        using var route = new Route(Way.SimdByExports);
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(i => randn(64).requires_grad_(i < 2))];
        Steps(20_000);
        var live = Tensor.TotalCount;
        var resident = Resident();
        Steps(200_000);
        Assert.Equal(live, Tensor.TotalCount);
        Assert.InRange(Resident() - resident, long.MinValue, 24 << 20);
        foreach (var tensor in tensors)
            tensor.Dispose();

        void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = NewDisposeScope();
                var results = DpoObjective.Fused(tensors);
                if (i % 4 == 0)
                    results[0].backward();
                DpoObjective.WithGrad(tensors);
            }
        }
    }

    [Fact]
    public void AHundredThousandCallsOfChangingShapesLeaveNothing()
    {
        using var route = new Route(Way.SimdByExports);
        const long Most = 1 << 20;
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(i => randn(Most).requires_grad_(i < 2))];
        Steps(20_000);
        var live = Tensor.TotalCount;
        var resident = Resident();
        Steps(100_000);
        Assert.Equal(live, Tensor.TotalCount);
        Assert.InRange(Resident() - resident, long.MinValue, 24 << 20);
        foreach (var tensor in tensors)
            tensor.Dispose();

        // Some so large that their memory is kept for the next.
        void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = NewDisposeScope();
                var length = i % 1000 == 0 ? Most - (i * 97L % (Most / 2)) : 1 + (i * 7919L % 700);
                Tensor[] some = [.. tensors.Select(t => t.narrow(0, 0, length))];
                var results = DpoObjective.Fused(some);
                if (i % 100 == 0)
                {
                    results[0].backward();
                    tensors[0].grad = null;
                    tensors[1].grad = null;
                }

                DpoObjective.WithGrad(some);
            }
        }
    }

    [Fact]
    public void ResultsThatAreForgottenAreCollected()
    {
        using var route = new Route(Way.SimdByExports);
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(i => randn(64).requires_grad_(i < 2))];
        Collect();
        var live = Tensor.TotalCount;
        Forget(5000);
        Collect();
        Assert.InRange(Tensor.TotalCount - live, long.MinValue, 50);
        foreach (var tensor in tensors)
            tensor.Dispose();

        void Forget(int count)
        {
            for (var i = 0; i < count; i++)
            {
                var results = DpoObjective.Fused(tensors);
                if (i % 3 == 0)
                    results[0].backward();
            }
        }

        static void Collect()
        {
            for (var i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void CollectionsInBetweenDoNoHarm(Way way)
    {
        using var route = new Route(way);
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Thread.Yield();
            }
        });
        collector.Start();
        try
        {
            for (var i = 0; i < 100; i++)
            {
                // Inputs and results that nothing but the call refers to.
                var results = DpoObjective.Fused(randn(512).requires_grad_(true), randn(512).to(ScalarType.Float64), randn(512, 2).select(1, 0), randn(512));
                results[0].backward();
                Assert.True(double.IsFinite(Values.Of(results[0])[0]));
            }
        }
        finally
        {
            stop.Cancel();
            collector.Join();
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void TheGraphOutlivesItsInputs(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var leaf = randn(30).requires_grad_(true);
        var results = DpoObjective.Fused(DpoObjective.ThreeResults, leaf.mul(leaf), randn(30), randn(30), randn(30));
        using (var inner = NewDisposeScope())
        {
            Tensor[] tensors = [leaf.mul(leaf), randn(30), randn(30), randn(30)];
            results = [.. DpoObjective.Fused(DpoObjective.ThreeResults, tensors).Select(result => result.MoveToOuterDisposeScope())];
        }

        results[0].add(results[1].sum()).backward();
        Assert.NotNull(leaf.grad);
        Assert.All(Values.Of(leaf.grad), value => Assert.True(double.IsFinite(value)));
    }

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
