using Dpo.Autodiff.Execution;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives.Tests.Donation;

/// <summary>Logits whose memory becomes their gradient's, and gradients that the backward computes from what the forward kept.</summary>
public sealed partial class DonationTests : IDisposable
{
    private const long Tokens = 24;
    private const long Vocab = 6001;

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Tensor values;
    private readonly Tensor labels;

    public DonationTests()
    {
        manual_seed(5);
        values = randn(Tokens, Vocab);
        labels = randint(Vocab, Tokens);
    }

    /// <summary>The losses of tokens, and their mean.</summary>
    [Objective]
    internal static (Tensor loss, Tensor losses) Loss([Axes("token vocab"), Donated] Tensor logits, [Axes("token")] Tensor labels)
    {
        var losses = cross_entropy(logits, labels, reduction: torch.nn.Reduction.None);
        return (losses.mean(), losses);
    }

    /// <summary>The mean divergence of a distribution from another.</summary>
    [Objective]
    internal static Tensor Divergence([Axes("token vocab"), Donated] Tensor logits, [Axes("token vocab")] Tensor reference)
    {
        var logProb = log_softmax(logits, -1);
        return (logProb.exp() * (logProb - log_softmax(reference, -1))).sum(-1).mean();
    }

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Backward_writes_the_gradient_over_the_logits()
    {
        var (leaf, logits) = Logits();
        var address = Address(logits);
        var loss = Fused.Loss(logits, labels).loss;
        Close(values, logits);
        loss.backward();
        Close(Expected(), leaf.grad!);
        Assert.Equal(address, Address(logits));
        Close(Expected(), logits);
    }

    [Fact]
    public void Several_results_and_an_upstream_other_than_one()
    {
        var (leaf, logits) = Logits();
        var weights = rand(Tokens);
        var (loss, losses) = Fused.Loss(logits, labels);
        ((3 * loss) + (losses * weights).sum()).backward();
        using var other = values.detach().clone().requires_grad_();
        var eager = Loss(other, labels);
        ((3 * eager.loss) + (eager.losses * weights).sum()).backward();
        Close(other.grad!, leaf.grad!);
    }

    [Fact]
    public void WithGrad_writes_over_a_leaf()
    {
        var logits = values.detach().clone().requires_grad_();
        using var result = Fused.LossWithGrad(logits, labels);
        Assert.Equal(Address(logits), Address(result.GradLogits!));
        Close(Expected(), result.GradLogits!);
        Close(cross_entropy(values, labels), result.Loss);
    }

    [Fact]
    public void Half_precision_is_written_over_too()
    {
        var leaf = values.to(bfloat16).requires_grad_();
        var logits = leaf * 1;
        var address = Address(logits);
        Fused.Loss(logits, labels).loss.backward();
        Assert.Equal(address, Address(logits));
        Assert.Equal(bfloat16, leaf.grad!.dtype);
        var other = leaf.detach().to(float32).requires_grad_();
        cross_entropy(other, labels).backward();
        Assert.True(leaf.grad.to(float32).allclose(other.grad!, 1.0 / 128, 1e-9));
    }

    [Fact]
    public void WithGrad_scales_by_the_upstream()
    {
        var logits = values.detach().clone().requires_grad_();
        using var result = Fused.LossWithGrad(logits, labels, tensor(-2.5f));
        Close(-2.5 * Expected(), result.GradLogits!);
    }

    [Fact]
    public void An_index_out_of_range_leaves_the_logits_as_they_were()
    {
        var logits = values.detach().clone().requires_grad_();
        var wrong = labels.clone();
        wrong[Tokens - 1] = Vocab;
        var problem = Assert.Throws<ObjectiveArgumentException>(() => Fused.LossWithGrad(logits, wrong));
        Assert.Contains($"labels has {Vocab} at [{Tokens - 1}]", problem.Message);
        Close(values, logits);
    }

    [Theory]
    [InlineData("a leaf")]
    [InlineData("no gradient wanted")]
    [InlineData("transposed")]
    [InlineData("expanded")]
    [InlineData("shared with the reference")]
    public void Where_it_cannot_be_the_logits_stay(string why)
    {
        var leaf = (why == "expanded" ? values[0] : values).detach().clone().requires_grad_(why != "no gradient wanted");
        var logits = why switch
        {
            "a leaf" or "no gradient wanted" => leaf,
            "transposed" => (leaf * 1).t().contiguous().t(),
            "expanded" => leaf.unsqueeze(0).expand(Tokens, Vocab),
            _ => leaf * 1,
        };
        var reference = why == "shared with the reference" ? logits.detach() : values.flip(0).requires_grad_();
        var before = logits.detach().clone();
        var loss = Fused.Divergence(logits, reference);
        if (loss.requires_grad)
            loss.backward();
        Close(before, logits);
        if (why != "no gradient wanted")
        {
            using var other = leaf.detach().clone().requires_grad_();
            var like = why switch { "expanded" => other.unsqueeze(0).expand(Tokens, Vocab), _ => other * 1 };
            Divergence(like, reference.detach()).backward();
            Close(other.grad!, leaf.grad!);
        }
    }

    [Fact]
    public void A_second_backward_is_an_error()
    {
        var (_, logits) = Logits();
        var loss = Fused.Loss(logits, labels).loss;
        loss.backward(retain_graph: true);
        Assert.ThrowsAny<Exception>(() => loss.backward());
        Assert.Contains("modified by an inplace operation", BackwardFailure.Last?.ToString());
    }

    [Fact]
    public void Who_else_needs_the_logits_gets_an_error()
    {
        var (_, logits) = Logits();
        var squares = logits.square().sum();
        Fused.Loss(logits, labels).loss.backward(retain_graph: true);
        Assert.ThrowsAny<Exception>(() => squares.backward());
    }

    [Fact]
    public void A_backward_that_is_recorded_is_an_error()
    {
        var (_, logits) = Logits();
        var loss = Fused.Loss(logits, labels).loss;
        Assert.ThrowsAny<Exception>(() => loss.backward([], create_graph: true));
        Assert.Contains("create_graph", BackwardFailure.Last?.Message);
        Close(values, logits);
    }

    [Fact]
    public void Without_donation_a_second_backward_is_right()
    {
        var leaf = values.detach().clone().requires_grad_();
        var loss = Fused.Plain(leaf, labels);
        loss.backward(retain_graph: true);
        Close(Expected(), leaf.grad!);
        loss.backward();
        Close(2 * Expected(), leaf.grad!);
        Close(values, leaf);
    }

    [Fact]
    public void Forwards_and_backwards_interleave()
    {
        var (first, second) = (values.detach().clone().requires_grad_(), (2 * values).detach().requires_grad_());
        var (a, b) = (Fused.Plain(first, labels), Fused.Plain(second, labels));
        a.backward();
        b.backward();
        Close(Expected(), first.grad!);
        using var other = (2 * values).detach().requires_grad_();
        cross_entropy(other, labels).backward();
        Close(other.grad!, second.grad!);
    }

    [Fact]
    public void A_second_backward_of_gradients_computed_with_the_value_is_right()
    {
        var leaf = values[..2].detach().clone().requires_grad_();
        Assert.True(leaf.numel() <= ObjectiveRun.MostPrecomputed);
        var loss = Fused.Plain(leaf, labels[..2]);
        loss.backward(retain_graph: true);
        var once = leaf.grad!.clone();
        loss.backward();
        Close(2 * once, leaf.grad!);
    }

    [Fact]
    public void Nothing_is_left_behind()
    {
        var logits = values.detach().clone().requires_grad_();
        Step();
        var before = Tensor.TotalCount;
        for (var i = 0; i < 50; i++)
            Step();
        Assert.Equal(before, Tensor.TotalCount);

        void Step()
        {
            using var inner = NewDisposeScope();
            Fused.Loss(logits * 1, labels).loss.backward();
            Fused.Plain(logits, labels).backward();
            logits.grad = null;
        }
    }

    /// <summary>As <see cref="Loss"/>, of logits that are needed later.</summary>
    [Objective]
    internal static Tensor Plain([Axes("token vocab")] Tensor logits, [Axes("token")] Tensor labels) => cross_entropy(logits, labels);

    private static nint Address(Tensor tensor) => Native.TensorHandle.Data(tensor.Handle);

    private static void Close(Tensor expected, Tensor actual)
    {
        using var inner = NewDisposeScope();
        var difference = (expected.detach().to(float64) - actual.detach().to(float64)).abs().max().ToDouble();
        var scale = Math.Max(expected.detach().abs().max().ToDouble(), 1e-4);
        Assert.True(difference <= 4e-6 * scale, $"off by {difference:G3} of {scale:G3}");
    }

    private (Tensor Leaf, Tensor Logits) Logits()
    {
        var leaf = values.detach().clone().requires_grad_();
        return (leaf, leaf * 1);
    }

    private Tensor Expected()
    {
        var other = values.detach().clone().requires_grad_();
        cross_entropy(other, labels).backward();
        return other.grad!;
    }
}
