using Align.Model;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Model;

/// <summary>Continuations, and the distribution that tokens are drawn from.</summary>
public sealed class SamplerTests
{
    private static readonly SamplingOptions Greedy = new() { Temperature = 0, MaximumTokens = 12 };

    [Fact]
    public void GreedyTakesTheMostLikelyToken()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Grouped);
        using var generator = new Generator(1);
        var (ids, lengths) = Sampler.Generate(model, [[3, 1, 4]], Greedy, generator);
        Assert.Equal([15], lengths.data<long>().ToArray());
        for (var t = 3; t < 15; t++)
            Assert.Equal(model.call(ids[.., ..t])[0, -1].argmax().item<long>(), ids[0, t].item<long>());
    }

    [Fact]
    public void PromptsOfDifferentLengthsContinueAsIfAlone()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Grouped with { End = 6, Padding = 28 });
        using var generator = new Generator(1);
        int[][] prompts = [[3], [1, 5, 9, 2, 6, 5, 3, 5], [8, 9], [7, 9, 3, 2], [12, 4, 1]];
        var (ids, lengths) = Sampler.Generate(model, prompts, Greedy, generator);
        for (var row = 0; row < prompts.Length; row++)
        {
            var (alone, length) = Sampler.Generate(model, [prompts[row]], Greedy, generator);
            var count = length.item<long>();
            Assert.Equal(count, lengths[row].item<long>());
            Assert.Equal(alone[0].data<long>().ToArray(), ids[row, ..(int)count].data<long>().ToArray());
            Assert.All(ids[row, (int)count..].data<long>().ToArray(), id => Assert.Equal(28, id));
            Assert.Equal(prompts[row].Select(id => (long)id), ids[row, ..prompts[row].Length].data<long>().ToArray());
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TextsEndWithTheirEndOrWhereAnotherBegins(bool isEnd)
    {
        using var scope = NewDisposeScope();
        var plain = SmallModels.Random(SmallModels.Grouped);
        using var generator = new Generator(1);
        var (ids, _) = Sampler.Generate(plain, [[3, 1, 4]], Greedy, generator);
        var drawn = ids[0, 3..].data<long>().ToArray();
        var stop = drawn[5];
        var first = Array.IndexOf(drawn, stop);
        var config = isEnd ? SmallModels.Grouped with { End = (int)stop } : SmallModels.Grouped with { Beginning = (int)stop };
        var (shorter, lengths) = Sampler.Generate(SmallModels.Random(config), [[3, 1, 4]], Greedy, generator);
        Assert.Equal(3 + first + 1, lengths.item<long>());
        Assert.Equal(stop, shorter[0, -1].item<long>());
    }

    [Fact]
    public void TheContextIsTheEnd()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Grouped);
        using var generator = new Generator(1);
        var (_, lengths) = Sampler.Generate(model, [[1], [.. Enumerable.Repeat(2, 30)], [.. Enumerable.Repeat(2, 32)]], new SamplingOptions { MaximumTokens = 100 }, generator);
        Assert.Equal([32, 32, 32], lengths.data<long>().ToArray());
    }

    [Fact]
    public void NothingIsAddedWhereNothingMayBe()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Grouped);
        using var generator = new Generator(1);
        var (ids, lengths) = Sampler.Generate(model, [[1, 2], [3]], new SamplingOptions { MaximumTokens = 0 }, generator);
        Assert.Equal([1, 2, 3, 0], ids.data<long>().ToArray());
        Assert.Equal([2, 1], lengths.data<long>().ToArray());
    }

    [Fact]
    public void EqualGeneratorsDrawEqualTokens()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Grouped);
        long[] Draw(ulong seed)
        {
            using var generator = new Generator(seed);
            var (ids, _) = Sampler.Generate(model, [[1], [2, 3]], new SamplingOptions { Temperature = 2, TopK = 20, TopP = 0.95, MaximumTokens = 20 }, generator);
            return ids.data<long>().ToArray();
        }

        Assert.Equal(Draw(4), Draw(4));
        Assert.NotEqual(Draw(4), Draw(5));
    }

    [Theory]
    [InlineData(1.0, 0, 1.0)]
    [InlineData(0.5, 0, 1.0)]
    [InlineData(1.0, 3, 1.0)]
    [InlineData(1.0, 0, 0.75)]
    [InlineData(2.0, 4, 0.8)]
    public void FrequenciesAreTheDistributions(double temperature, int topK, double topP)
    {
        using var scope = NewDisposeScope();
        double[] logits = [0.3, -1.1, 1.9, 0.0, 1.2, -0.4];
        var expected = logits.Select(l => Math.Exp(l / temperature)).ToArray();
        var order = Enumerable.Range(0, 6).OrderByDescending(i => expected[i]).ToArray();
        foreach (var cut in order[(topK == 0 ? 6 : topK)..])
            expected[cut] = 0;
        var (before, total) = (0.0, expected.Sum());
        foreach (var i in order)
        {
            var own = expected[i];
            if (before / total >= topP)
                expected[i] = 0;
            before += own;
        }

        const int Draws = 40_000;
        using var generator = new Generator(9);
        var draw = new Draw(new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MaximumTokens = 1 }, generator);
        var drawn = draw.Next(tensor(logits).unsqueeze(0).expand(Draws, 6)).CountBy(id => id).ToDictionary();
        for (var id = 0; id < 6; id++)
        {
            var probability = expected[id] / expected.Sum();
            var frequency = drawn.GetValueOrDefault(id) / (double)Draws;
            // Five standard errors.
            Assert.Equal(probability, frequency, 5 * Math.Sqrt(probability * (1 - probability) / Draws) + 1e-12);
        }
    }

    [Fact]
    public void RefusesPromptsAndOptionsThatMeanNothing()
    {
        using var model = SmallModels.Random(SmallModels.Grouped);
        using var generator = new Generator(1);
        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, [], Greedy, generator));
        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, [[1], []], Greedy, generator));
        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, [[29]], Greedy, generator));
        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, [[.. new int[33]]], Greedy, generator));
        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, [[1]], Greedy with { Temperature = -1 }, generator));
        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, [[1]], Greedy with { TopP = 0 }, generator));
        Assert.Throws<ArgumentException>(() => Sampler.Generate(model, [[1]], Greedy with { Temperature = double.NaN }, generator));
    }

    [Fact]
    public void LeavesNoTensorsBehind()
    {
        using var model = SmallModels.Random(SmallModels.Grouped);
        using var generator = new Generator(1);
        void Sample()
        {
            var (ids, lengths) = Sampler.Generate(model, [[1], [2, 3]], new SamplingOptions { TopK = 5, TopP = 0.9, MaximumTokens = 25 }, generator);
            ids.Dispose();
            lengths.Dispose();
        }

        Sample();
        var before = TorchSharp.DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        for (var i = 0; i < 5; i++)
            Sample();
        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }
}
