using Dpo.Autodiff.Execution;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives.Tests.Tiles;

/// <summary>Logits that are a product of hidden states and a head, one tile at a time: with the values and gradients of the whole.</summary>
public sealed partial class TileTests : IDisposable
{
    private const long Token = 3;
    private const long Model = 5;
    private const long Vocab = 37;

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly (long Rows, long Elements) usual = (TiledKernel.EnoughRows, TiledKernel.LeastElements);

    // Tiles of two pairs, or of four tokens.
    public TileTests()
    {
        (TiledKernel.EnoughRows, TiledKernel.LeastElements) = (4, 1);
        manual_seed(11);
    }

    /// <summary>DPO from hidden states, with what trainers log.</summary>
    [Objective]
    internal static (Tensor loss, Tensor chosenReward, Tensor tokenLogProb) Dpo(
        [Axes("pair token model")] Tensor chosen,
        [Axes("pair token model")] Tensor rejected,
        [Axes("vocab model")] Tensor head,
        [Axes("pair token")] Tensor chosenLabels,
        [Axes("pair token")] Tensor rejectedLabels,
        [Axes("pair"), NoGrad] Tensor reference,
        double beta = 0.1)
    {
        var tokens = Tokens(linear(chosen, head), chosenLabels);
        var reward = beta * (tokens.sum(-1) - reference);
        return (-logsigmoid(reward - (beta * Tokens(linear(rejected, head), rejectedLabels).sum(-1))).mean(), reward.detach(), tokens.detach());
    }

    /// <summary>Cross-entropy over labels that count, with a bias.</summary>
    [Objective]
    internal static Tensor Sft([Axes("token model")] Tensor hidden, [Axes("vocab model")] Tensor head, [Axes("vocab")] Tensor bias, [Axes("token")] Tensor labels) =>
        cross_entropy(linear(hidden, head, bias), labels);

    /// <summary>A loss for each sequence.</summary>
    [Objective]
    internal static Tensor Sequences([Axes("pair token model")] Tensor hidden, [Axes("vocab model")] Tensor head, [Axes("pair token")] Tensor labels) =>
        Tokens(linear(hidden, head), labels).mean([-1]);

    /// <summary>Gradients need the mean of all sequences before the first of them is known.</summary>
    [Objective]
    internal static Tensor Spread([Axes("pair token model")] Tensor hidden, [Axes("vocab model")] Tensor head, [Axes("pair token")] Tensor labels)
    {
        var sequences = Tokens(linear(hidden, head), labels).sum(-1);
        return (sequences - sequences.mean()).tanh().square().mean();
    }

    /// <summary>Chosen and rejected in one product.</summary>
    [Objective]
    internal static Tensor Concatenated([Axes("2*pair token model")] Tensor hidden, [Axes("vocab model")] Tensor head, [Axes("2*pair token")] Tensor labels)
    {
        var parts = Tokens(linear(hidden, head), labels).sum(-1).chunk(2, 0);
        return -logsigmoid(parts[0] - parts[1]).mean();
    }

    /// <summary>Weights per sequence that come from all of them, beside the logits.</summary>
    [Objective]
    internal static (Tensor loss, Tensor entropy) Weighted(
        [Axes("pair token model")] Tensor hidden, [Axes("vocab model")] Tensor head, [Axes("pair token")] Tensor labels, [Axes("pair")] Tensor reward)
    {
        var advantage = (reward - reward.mean()) / (reward.std() + 1e-6);
        var logits = linear(hidden, head);
        var probability = softmax(logits, -1);
        return (-(advantage.detach().unsqueeze(-1) * Tokens(logits, labels)).mean(), -(probability * log_softmax(logits, -1)).sum(-1).mean().detach());
    }

    private static Tensor Tokens(Tensor logits, Tensor labels) => log_softmax(logits, -1).gather(-1, labels.unsqueeze(-1)).squeeze(-1);

    public void Dispose()
    {
        (TiledKernel.EnoughRows, TiledKernel.LeastElements) = usual;
        scope.Dispose();
    }

    public static TheoryData<ScalarType, long> Sizes => new()
    {
        { ScalarType.Float64, 1 }, { ScalarType.Float64, 2 }, { ScalarType.Float64, 5 }, { ScalarType.Float64, 8 }, { ScalarType.Float32, 7 }, { ScalarType.BFloat16, 5 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Dpo_is_that_of_whole_logits(ScalarType dtype, long pairs)
    {
        Assert.Contains("ValueAndGradient runs in tiles of pair", Fused.DpoInfo.Plan, StringComparison.Ordinal);
        var (chosen, rejected, head) = (Hidden(dtype, pairs), Hidden(dtype, pairs), Head(dtype));
        var (first, second, reference) = (Labels(pairs), Labels(pairs), randn(pairs, dtype));
        Agree(dtype, [chosen, rejected, head], t => Scaled(Dpo(t[0], t[1], t[2], first, second, reference.to(t[0].dtype))), t => Scaled(Fused.Dpo(t[0], t[1], t[2], first, second, reference)));

        static Tensor[] Scaled((Tensor loss, Tensor chosenReward, Tensor tokenLogProb) results) => [3 * results.loss, results.chosenReward, results.tokenLogProb];
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(13)]
    public void The_count_of_labels_is_known_before_the_first_tile(long tokens)
    {
        var labels = randint(Vocab, tokens);
        if (tokens > 2)
            labels[1] = -100;
        Agree(
            ScalarType.Float64,
            [randn(tokens, Model, ScalarType.Float64), Head(ScalarType.Float64), randn(Vocab, ScalarType.Float64)],
            t => [Sft(t[0], t[1], t[2], labels)],
            t => [Fused.Sft(t[0], t[1], t[2], labels)]);
    }

    [Fact]
    public void Every_sequence_has_its_upstream()
    {
        var (hidden, head, labels) = (Hidden(ScalarType.Float64, 5).requires_grad_(), Head(ScalarType.Float64).requires_grad_(), Labels(5));
        var upstream = randn(5, ScalarType.Float64);
        using var result = Fused.SequencesWithGrad(hidden, head, labels, upstream);
        var eager = Sequences(hidden, head, labels);
        (eager * upstream).sum().backward();
        Close(eager, result.Value, 1e-12);
        Close(hidden.grad!, result.GradHidden!, 1e-12);
        Close(head.grad!, result.GradHead!, 1e-12);
    }

    [Fact]
    public void Where_gradients_need_all_tiles_the_product_is_whole()
    {
        Assert.DoesNotContain("ValueAndGradient runs in tiles", Fused.SpreadInfo.Plan, StringComparison.Ordinal);
        var labels = Labels(5);
        Agree(ScalarType.Float64, [Hidden(ScalarType.Float64, 5), Head(ScalarType.Float64)], t => [Spread(t[0], t[1], labels)], t => [Fused.Spread(t[0], t[1], labels)]);
    }

    [Fact]
    public void Concatenated_batches_agree()
    {
        var labels = Labels(6);
        Agree(ScalarType.Float64, [Hidden(ScalarType.Float64, 6), Head(ScalarType.Float64)], t => [Concatenated(t[0], t[1], labels)], t => [Fused.Concatenated(t[0], t[1], labels)]);
    }

    [Fact]
    public void Statistics_of_other_tensors_are_known_before_the_first_tile()
    {
        Assert.Contains("ValueAndGradient runs in tiles of pair", Fused.WeightedInfo.Plan, StringComparison.Ordinal);
        var (labels, reward) = (Labels(7), randn(7, ScalarType.Float64));
        Agree(ScalarType.Float64, [Hidden(ScalarType.Float64, 7), Head(ScalarType.Float64)], t => Both(Weighted(t[0], t[1], labels, reward)), t => Both(Fused.Weighted(t[0], t[1], labels, reward)));

        static Tensor[] Both((Tensor loss, Tensor entropy) results) => [results.loss, results.entropy];
    }

    [Fact]
    public void Only_wanted_gradients_are_computed()
    {
        var (hidden, head, labels) = (Hidden(ScalarType.Float64, 5).requires_grad_(), Head(ScalarType.Float64), Labels(5));
        var (chosen, reference) = (Hidden(ScalarType.Float64, 5), randn(5, ScalarType.Float64));
        Fused.Dpo(hidden, chosen, head, labels, labels, reference).loss.backward();
        var gradient = hidden.grad!.clone();
        hidden.grad = null;
        Dpo(hidden, chosen, head, labels, labels, reference).loss.backward();
        Close(hidden.grad!, gradient, 1e-12);
        Assert.Null(head.grad);
        using (no_grad())
            Close(Dpo(hidden, chosen, head, labels, labels, reference).loss, Fused.Dpo(hidden, chosen, head, labels, labels, reference).loss, 1e-12);
    }

    [Fact]
    public void Views_are_read_as_they_lie()
    {
        var labels = Labels(6);
        Agree(
            ScalarType.Float64,
            [randn(Model, Token, 12, ScalarType.Float64), Head(ScalarType.Float64)],
            t => [Sequences(t[0].transpose(0, 2)[TensorIndex.Slice(0, null, 2)], t[1], labels).sum()],
            t => [Fused.Sequences(t[0].transpose(0, 2)[TensorIndex.Slice(0, null, 2)], t[1], labels).sum()]);
    }

    [Fact]
    public void A_label_out_of_range_is_an_error()
    {
        var labels = Labels(5);
        labels[4, 1] = Vocab;
        var fault = Assert.Throws<ObjectiveArgumentException>(() => Fused.Sequences(Hidden(ScalarType.Float64, 5), Head(ScalarType.Float64), labels));
        Assert.Contains("labels", fault.Message, StringComparison.Ordinal);
    }

    private static Tensor Hidden(ScalarType dtype, long pairs) => randn(pairs, Token, Model, ScalarType.Float32).to(dtype);

    private static Tensor Head(ScalarType dtype) => randn(Vocab, Model, ScalarType.Float32).to(dtype);

    private static Tensor Labels(long pairs) => randint(Vocab, [pairs, Token]);

    // Half precision: eager in float32 on the upcast inputs, rounded once.
    private static void Agree(ScalarType dtype, Tensor[] leaves, Func<Tensor[], Tensor[]> eager, Func<Tensor[], Tensor[]> fused)
    {
        var tolerance = dtype switch { ScalarType.Float64 => 1e-12, ScalarType.Float32 => 1e-5, _ => 1.0 / 128 };
        Tensor[] exact = [.. leaves.Select(l => l.to(dtype == ScalarType.BFloat16 ? ScalarType.Float32 : dtype).detach().clone().requires_grad_())];
        Tensor[] tiled = [.. leaves.Select(l => l.detach().clone().requires_grad_())];
        var (expected, actual) = (eager(exact), fused(tiled));
        expected[0].sum().backward();
        actual[0].sum().backward();
        foreach (var (e, a) in expected.Zip(actual).Concat(exact.Select(t => t.grad!).Zip(tiled.Select(t => t.grad!))))
            Close(e, a, tolerance);
    }

    private static void Close(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        if (expected.numel() == 0)
            return;
        var scale = Math.Max(1e-3, expected.nan_to_num().abs().max().to(ScalarType.Float64).item<double>());
        Assert.Equal(expected.isnan().any().item<bool>(), actual.isnan().any().item<bool>());
        var difference = (expected.to(ScalarType.Float64) - actual.to(ScalarType.Float64)).nan_to_num().abs().max().item<double>();
        Assert.True(difference <= tolerance * scale, $"off by {difference} at a scale of {scale}");
    }
}
