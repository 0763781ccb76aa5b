using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives.Tests.Rows;

/// <summary>Losses over rows of one element to those of the largest vocabularies, and over rows that say little, or nothing that is a number.</summary>
public sealed partial class LongRowTests : IDisposable
{
    private const long Sequences = 2;
    private const long Tokens = 3;

    private readonly DisposeScope scope = NewDisposeScope();

    public LongRowTests() => manual_seed(3);

    /// <summary>What a trainer asks of logits: a smoothed loss with a z-loss, the entropy, the margin over the next logit's mean, and how often the label was the likeliest.</summary>
    [Objective]
    internal static (Tensor loss, Tensor entropy, Tensor accuracy, Tensor logProb) Loss(
        [Axes("sequence token vocab")] Tensor logits, [Axes("sequence token")] Tensor labels, [Axes("sequence token")] Tensor isToken, double smoothing = 0.1, double z = 1e-3)
    {
        var logProb = log_softmax(logits, -1);
        var chosen = logProb.gather(-1, labels.unsqueeze(-1)).squeeze(-1);
        var normaliser = logits.logsumexp(-1);
        var losses = ((1 - smoothing) * -chosen) - (smoothing * logProb.mean([-1])) + (z * normaliser.square());
        var count = isToken.to(logits.dtype).sum();
        var entropy = -(logProb.exp() * logProb).sum(-1);
        return (where(isToken, losses, 0).sum() / count, where(isToken, entropy, 0).sum() / count, where(isToken, logits.argmax(-1) == labels, false).to(logits.dtype).sum() / count, chosen.detach());
    }

    /// <summary>The log-probability of labels and the divergence from a reference, as where masked entries of a vocabulary are -inf.</summary>
    [Objective]
    internal static (Tensor loss, Tensor sequence) Masked([Axes("sequence token vocab")] Tensor logits, [Axes("sequence token")] Tensor labels, [Axes("sequence token")] Tensor isToken)
    {
        var sequence = where(isToken, log_softmax(logits, -1).gather(-1, labels.unsqueeze(-1)).squeeze(-1), 0).sum(-1);
        return (-logsigmoid(0.1 * sequence).mean(), sequence.detach());
    }

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(512)]
    [InlineData(32_000)]
    [InlineData(128_256)]
    public void No_further_from_the_truth_than_eager(long vocab)
    {
        var logits = randn(Sequences, Tokens, vocab, float64) * 4;
        var (labels, isToken) = Labels(vocab);
        var exact = Eager(logits, labels, isToken);
        var eager = Eager(logits.to(float32), labels, isToken);
        foreach (var fused in new[] { Fuse(logits.to(float32), labels, isToken), FuseLate(logits.to(float32), labels, isToken), WithGrad(logits.to(float32), labels, isToken) })
        {
            foreach (var ((truth, peer), found) in exact.Zip(eager).Zip(fused))
            {
                var scale = truth.abs().max().item<double>();
                var (theirs, ours) = (Distance(truth, peer), Distance(truth, found));
                Assert.True(ours <= Math.Max(1.5 * theirs, 4 * scale * float.Epsilon * Math.Pow(2, 126)), $"{vocab}: off by {ours}, eager by {theirs}, at a scale of {scale}");
            }
        }

        foreach (var (truth, found) in exact.Zip(Fuse(logits, labels, isToken)))
            Assert.True(Distance(truth, found) <= 1e-10 * Math.Max(1, truth.abs().max().item<double>()));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(512)]
    [InlineData(32_000)]
    [InlineData(128_256)]
    public void Half_precision_is_rounded_once(long vocab)
    {
        var logits = (randn(Sequences, Tokens, vocab) * 4).to(bfloat16);
        var (labels, isToken) = Labels(vocab);

        // In float32 eager's own sum of so many exponentials is off by more than what is asked here, on some machines.
        var expected = Eager(logits.to(float64), labels, isToken);
        var found = Fuse(logits, labels, isToken);
        var gradient = expected[^1].to(bfloat16);
        Assert.Equal(bfloat16, found[^1].dtype);

        // A last place of float32 may lie on the border between two of bfloat16.
        Assert.True(Distance(gradient, found[^1]) <= gradient.to(float64).abs().max().item<double>() / 128);
        Assert.True((gradient != found[^1]).to(float64).mean().item<double>() < 0.01);
        Assert.True(Distance(expected[0], found[0]) <= expected[0].item<double>() / 128);
    }

    [Theory]
    [InlineData(9)]
    [InlineData(513)]
    [InlineData(32_000)]
    public void Rows_that_say_little(long vocab)
    {
        var logits = randn(Sequences, Tokens, vocab, float64);
        logits[0, 0] = 3.25;
        logits[0, 1] *= 1e4;
        logits[1, 0] = logits[1, 0].masked_fill(arange(vocab) >= vocab / 2, double.NegativeInfinity);
        logits[1, 1, 0] = 1e4;
        logits[1, 1, 1] = -1e4;
        var (labels, isToken) = Labels(vocab / 2);
        foreach (var mask in new[] { isToken, isToken.logical_and(tensor(new[] { true, false }).unsqueeze(-1)), zeros(Sequences, Tokens, @bool) })
            Agree(logits, labels, mask);
    }

    [Fact]
    public void Rows_that_are_no_numbers_stay_alone()
    {
        const long Vocab = 600;
        var logits = randn(Sequences, Tokens, Vocab, float64);
        logits[0, 1, 17] = double.NaN;
        logits[1, 2, 0] = double.PositiveInfinity;
        var (labels, isToken) = Labels(Vocab);
        var leaf = logits.clone().requires_grad_();
        var (_, sequence) = Fused.Masked(leaf, labels, isToken);
        var eager = Masked(logits, labels, isToken).sequence;
        Assert.Equal(eager.isnan().data<bool>().ToArray(), sequence.isnan().data<bool>().ToArray());

        // Discarded, they do not exist.
        var clean = isToken.clone();
        clean[0, 1] = false;
        clean[1, 2] = false;
        var (loss, _) = Fused.Masked(leaf, labels, clean);
        loss.backward();
        Assert.False(leaf.grad!.isnan().any().item<bool>());
        var finite = logits.nan_to_num(0, 0, 0).requires_grad_();
        Masked(finite, labels, clean).loss.backward();
        Assert.True(Distance(finite.grad!, leaf.grad!) <= 1e-14);
    }

    private static void Agree(Tensor logits, Tensor labels, Tensor isToken)
    {
        var (expected, actual) = (logits.detach().clone().requires_grad_(), logits.detach().clone().requires_grad_());
        var (loss, sequence) = Masked(expected, labels, isToken);
        var (fused, fusedSequence) = Fused.Masked(actual, labels, isToken);
        loss.backward();
        fused.backward();
        foreach (var (e, a) in new[] { (loss, fused), (sequence, fusedSequence), (expected.grad!, actual.grad!) })
            Assert.True(Distance(e, a) <= 1e-12 * Math.Max(1, e.detach().abs().max().item<double>()));
    }

    private static (Tensor Labels, Tensor IsToken) Labels(long vocab)
    {
        var isToken = ones(Sequences, Tokens, @bool);
        isToken[1, 2] = false;
        return (randint(vocab, [Sequences, Tokens]), isToken);
    }

    private static Tensor[] Eager(Tensor logits, Tensor labels, Tensor isToken) => Step(logits, l => Loss(l, labels, isToken));

    private static Tensor[] Fuse(Tensor logits, Tensor labels, Tensor isToken) => Step(logits, l => Fused.Loss(l, labels, isToken));

    // The gradients as the backward computes them.
    private static Tensor[] FuseLate(Tensor logits, Tensor labels, Tensor isToken)
    {
        var most = Execution.ObjectiveRun.MostPrecomputed;
        Execution.ObjectiveRun.MostPrecomputed = -1;
        try
        {
            return Fuse(logits, labels, isToken);
        }
        finally
        {
            Execution.ObjectiveRun.MostPrecomputed = most;
        }
    }

    private static Tensor[] WithGrad(Tensor logits, Tensor labels, Tensor isToken)
    {
        var result = Fused.LossWithGrad(logits, labels, isToken);
        return [result.Loss, result.Entropy, result.Accuracy, result.LogProb, result.GradLogits!];
    }

    private static Tensor[] Step(Tensor logits, Func<Tensor, (Tensor loss, Tensor entropy, Tensor accuracy, Tensor logProb)> objective)
    {
        var leaf = logits.detach().clone().requires_grad_();
        var (loss, entropy, accuracy, logProb) = objective(leaf);
        loss.backward();
        return [loss.detach(), entropy.detach(), accuracy.detach(), logProb.detach(), leaf.grad!];
    }

    private static double Distance(Tensor truth, Tensor found) => (truth.detach().to(float64) - found.detach().to(float64)).abs().max().item<double>();
}
