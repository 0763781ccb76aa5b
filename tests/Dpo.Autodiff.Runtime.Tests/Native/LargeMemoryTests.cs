using Dpo.Autodiff.Native;
using Dpo.Autodiff.Runtime.Tests.Execution;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Native;

/// <summary>Large results use memory again, and the machine gets it back.</summary>
[Collection(Route.Collection)]
public class LargeMemoryTests
{
    private const int Elements = 3 << 20;

    [Fact]
    public void MemoryIsUsedAgain()
    {
        LargeMemory.Trim();
        var first = TensorHandle.Empty(ScalarType.Float32, [Elements], out var data);
        Assert.Equal(data, TensorHandle.Data(first));
        Assert.Equal(0, data % 64);
        TensorHandle.Dispose(first);
        Assert.Equal((nuint)(12 << 20), LargeMemory.WaitingBytes);
        var second = TensorHandle.Empty(ScalarType.Float32, [Elements - 1000], out var again);
        Assert.Equal(data, again);
        var third = TensorHandle.Empty(ScalarType.Float64, [Elements], out var other);
        Assert.NotEqual(data, other);
        TensorHandle.Dispose(second);
        TensorHandle.Dispose(third);

        // Much too large a block is not used.
        var small = TensorHandle.Empty(ScalarType.Float32, [Elements / 2], out var fresh);
        Assert.NotEqual(data, fresh);
        Assert.NotEqual(other, fresh);
        TensorHandle.Dispose(small);
        LargeMemory.Trim();
        Assert.Equal((nuint)0, LargeMemory.WaitingBytes);
    }

    [Fact]
    public void WhatWaitsForLongIsGivenBack()
    {
        LargeMemory.Trim();
        TensorHandle.Dispose(TensorHandle.Empty(ScalarType.Float32, [Elements], out _));
        Assert.NotEqual((nuint)0, LargeMemory.WaitingBytes);
        for (var i = 0; i < 300 && LargeMemory.WaitingBytes != 0; i++)
            Thread.Sleep(100);
        Assert.Equal((nuint)0, LargeMemory.WaitingBytes);
    }

    [Fact]
    public void AGradientLandsInALeafUncopied()
    {
        using var route = new Route(Way.SimdByExports);
        LargeMemory.Trim();
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(i => zeros(Elements).requires_grad_(i < 2))];
        foreach (var variant in new[] { DpoObjective.Variant, DpoObjective.ThreeResults })
        {
            using (NewDisposeScope())
                DpoObjective.Fused(variant, tensors)[0].backward();

            // The rewards' memory waits, the gradients' does not: they are the leaves' own.
            Assert.Equal((nuint)(2 * (12 << 20)), LargeMemory.WaitingBytes);
            Assert.Equal(-0.05 / Elements, Values.Of(tensors[0].grad![..3])[2], 1e-12);
            tensors[0].grad = null;
            tensors[1].grad = null;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            LargeMemory.Trim();
        }

        foreach (var tensor in tensors)
            tensor.Dispose();
    }
}
