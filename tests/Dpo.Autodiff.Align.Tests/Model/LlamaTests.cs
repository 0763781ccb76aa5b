using Align.Model;
using Dpo.Autodiff.Align.Tests.Harness;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Model;

/// <summary>The decoder against loops over numbers, and against itself by other ways.</summary>
public sealed class LlamaTests
{
    public static TheoryData<string> Configs => [.. SmallModels.All.Keys];

    [Theory]
    [MemberData(nameof(Configs))]
    public void LogitsAreThoseOfLoopsOverNumbers(string name)
    {
        using var scope = NewDisposeScope();
        var config = Config(name);
        var model = SmallModels.Random(config);
        var ids = SmallModels.Ids(config, 2, 9);
        var logits = model.call(ids);
        Assert.Equal([2, 9, config.Vocabulary], logits.shape);
        for (var row = 0; row < 2; row++)
        {
            var expected = new LoopedLlama(model).Logits([.. ids[row].data<long>()]);
            for (var t = 0; t < 9; t++)
                Close(expected[t], logits[row, t], 1e-11);
        }
    }

    [Theory]
    [MemberData(nameof(Configs))]
    public void GradientsAreDifferencesOfTheLoss(string name)
    {
        using var scope = NewDisposeScope();
        var config = Config(name);
        var model = SmallModels.Random(config);
        var ids = SmallModels.Ids(config, 2, 7);
        Tensor Loss() => model.call(ids).log_softmax(-1)[.., ..^1].gather(-1, ids[.., 1..].unsqueeze(-1)).mean();
        Loss().backward();
        const double Step = 1e-5;
        foreach (var (parameterName, parameter) in model.named_parameters())
        {
            using var off = no_grad();
            var flat = parameter.view(-1);
            // One weight of each parameter, each at another place.
            var at = Math.Abs(parameterName.GetHashCode(StringComparison.Ordinal)) % flat.shape[0];
            var before = flat[at].item<double>();
            double At(double value)
            {
                using var changed = tensor(value, ScalarType.Float64);
                flat[at].copy_(changed);
                return Loss().item<double>();
            }

            var difference = (At(before + Step) - At(before - Step)) / (2 * Step);
            At(before);
            Assert.Equal(difference, parameter.grad!.view(-1)[at].item<double>(), 1e-8);
        }
    }

    [Fact]
    public void PaddingOnTheRightChangesNothingBeforeIt()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Grouped);
        var ids = SmallModels.Ids(model.Config, 2, 10);
        var logits = model.call(ids);
        ids[.., 6..] = zeros([2, 4], ScalarType.Int64);
        Close(logits[.., ..6], model.call(ids)[.., ..6], 1e-12);
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1e-4)]
    [InlineData(ScalarType.BFloat16, 0.15)]
    public void RunsInSmallerDtypes(ScalarType dtype, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var exact = new Llama(SmallModels.Grouped, generator, ScalarType.Float64);
        var ids = SmallModels.Ids(exact.Config, 2, 9);
        var expected = exact.call(ids);
        exact.to(dtype);
        Assert.Equal(dtype, exact.DType);
        var logits = exact.call(ids);
        Assert.Equal(dtype, logits.dtype);
        var scale = expected.abs().max().item<double>();
        Close(expected, logits.to(ScalarType.Float64), tolerance * scale);
    }

    [Fact]
    public void EqualGeneratorsMakeEqualWeightsAndTheGlobalOneIsLeftAlone()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var expected = rand(3);
        manual_seed(7);
        using var one = new Generator(11);
        using var other = new Generator(11);
        var first = new Llama(SmallModels.Grouped, one);
        var second = new Llama(SmallModels.Grouped, other);
        foreach (var (a, b) in first.parameters().Zip(second.parameters()))
            Assert.True(a.equal(b).all().item<bool>());
        Assert.True(rand(3).equal(expected).all().item<bool>());
    }

    [Theory]
    [MemberData(nameof(Configs))]
    public void ConfigCountsTheWeights(string name)
    {
        using var model = new Llama(Config(name));
        Assert.Equal(model.parameters().Sum(p => p.numel()), model.Config.Parameters);
    }

    [Fact]
    public void CopyAnswersAlikeAndDoesNotLearn()
    {
        using var scope = NewDisposeScope();
        var model = SmallModels.Random(SmallModels.Tied);
        var ids = SmallModels.Ids(model.Config, 2, 5);
        var before = model.call(ids);
        var reference = model.Copy();
        Assert.True(reference.call(ids).equal(before).all().item<bool>());
        Assert.All(reference.parameters(), p => Assert.False(p.requires_grad));
        Assert.False(reference.call(ids).requires_grad);
        using (no_grad())
        {
            foreach (var parameter in model.parameters())
                parameter.zero_();
        }

        Assert.True(reference.call(ids).equal(before).all().item<bool>());
    }

    [Fact]
    public void StepsLeaveNoTensorsBehind()
    {
        using var model = SmallModels.Random(SmallModels.Grouped, ScalarType.Float32);
        using var ids = SmallModels.Ids(model.Config, 2, 9);
        var optimizer = optim.SGD(model.parameters(), 0.01);
        void Train()
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            model.call(ids).square().mean().backward();
            optimizer.step();
            using var cache = new KeyValueCache(model, 2);
            model.Step(ids, cache);
        }

        // What is made once: gradients, rotary tables.
        Train();
        Train();
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        for (var i = 0; i < 20; i++)
            Train();
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void RefusesWhatItCannotRead()
    {
        using var model = new Llama(SmallModels.Grouped);
        using var longer = zeros([1, 33], ScalarType.Int64);
        using var floats = zeros([1, 3]);
        Assert.Contains("context is 32", Assert.Throws<ArgumentException>(() => model.call(longer)).Message, StringComparison.Ordinal);
        Assert.Contains("int64 [batch token]", Assert.Throws<ArgumentException>(() => model.call(floats)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Llama(SmallModels.Grouped with { KeyValueHeads = 4 }));
        Assert.Throws<ArgumentException>(() => new Llama(SmallModels.Grouped with { HeadWidth = 3 }));
        Assert.Throws<ArgumentException>(() => new Llama(SmallModels.Grouped with { Layers = 0 }));
    }

    private static LlamaConfig Config(string name) => SmallModels.All[name];

    private static void Close(double[] expected, Tensor actual, double tolerance)
    {
        var values = actual.data<double>().ToArray();
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], values[i], tolerance);
    }

    private static void Close(Tensor expected, Tensor actual, double tolerance)
    {
        var largest = (expected - actual).abs().max().to(ScalarType.Float64).item<double>();
        Assert.True(largest <= tolerance, $"{largest} apart, more than {tolerance}");
    }
}
