using Align.Model;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Model;

/// <summary>Step by step with a cache, or all at once: the logits are the same.</summary>
public sealed class KeyValueCacheTests
{
    [Theory]
    [InlineData(ScalarType.Float64, 1e-12)]
    [InlineData(ScalarType.Float32, 2e-5)]
    // Eight bits of a number, through several layers.
    [InlineData(ScalarType.BFloat16, 0.25)]
    public void TokenByTokenIsAllAtOnce(ScalarType dtype, double tolerance)
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Grouped, dtype);
        // More than the cache's first capacity.
        var ids = SmallModels.Ids(model.Config, 3, 30);
        var expected = model.call(ids);
        using var cache = new KeyValueCache(model, 3);
        for (var t = 0; t < 30; t++)
            Close(expected[.., t], model.Step(ids[.., t..(t + 1)], cache), tolerance);
        Assert.Equal([30, 30, 30], cache.Lengths);
    }

    [Fact]
    public void RowsOfDifferentLengthsAreAsIfAlone()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Tied);
        var ids = SmallModels.Ids(model.Config, 3, 20);
        var expected = model.call(ids);
        int[][] chunks = [[5, 1, 3], [1, 4, 2], [1, 1, 1], [3, 3, 9]];
        var read = new int[3];
        using var cache = new KeyValueCache(model, 3);
        foreach (var counts in chunks)
        {
            var chunk = full([3, counts.Max()], 7, ScalarType.Int64);
            for (var row = 0; row < 3; row++)
            {
                chunk[row, ..counts[row]] = ids[row, read[row]..(read[row] + counts[row])];
                read[row] += counts[row];
            }

            var logits = model.Step(chunk, cache, counts);
            for (var row = 0; row < 3; row++)
                Close(expected[row, read[row] - 1], logits[row], 1e-12);
        }
    }

    [Fact]
    public void KeptRowsGoOnAsBefore()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Grouped);
        var ids = SmallModels.Ids(model.Config, 3, 8);
        var expected = model.call(ids);
        using var cache = new KeyValueCache(model, 3);
        model.Step(ids[.., ..6], cache, [6, 4, 5]);
        cache.Keep([2, 1]);
        Assert.Equal([5, 4], cache.Lengths);
        var logits = model.Step(stack([ids[2, 5..6], ids[1, 4..5]]), cache);
        Close(expected[2, 5], logits[0], 1e-12);
        Close(expected[1, 4], logits[1], 1e-12);
    }

    [Fact]
    public void RefusesWhatDoesNotFit()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Grouped);
        using var cache = new KeyValueCache(model, 2);
        var ids = SmallModels.Ids(model.Config, 2, 20);
        Assert.Throws<ArgumentException>(() => model.Step(ids[..1], cache));
        Assert.Throws<ArgumentException>(() => model.Step(ids, cache, [20, 0]));
        model.Step(ids, cache, [20, 3]);
        Assert.Contains("context is 32", Assert.Throws<ArgumentException>(() => model.Step(ids, cache, [20, 3])).Message, StringComparison.Ordinal);
        // The row that is shorter has room, whatever padding the longer one has.
        model.Step(ids, cache, [1, 20]);
    }

    private static void Close(Tensor expected, Tensor actual, double tolerance)
    {
        var largest = (expected - actual).abs().max().to(ScalarType.Float64).item<double>();
        Assert.True(largest <= tolerance, $"{largest} apart, more than {tolerance}");
    }
}
