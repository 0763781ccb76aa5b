using static TorchSharp.torch;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>Losses over a vocabulary. Memory is in units of the logits.</summary>
internal static class TokenRows
{
    private static readonly (long Tokens, long Vocab)[] Shapes = [(512, 32000), (2048, 32000), (512, 128256)];

    // As of four short pairs: nothing but overhead.
    private static readonly (long Tokens, long Vocab) Small = (64, 512);

    /// <summary>The rows.</summary>
    public static IEnumerable<Row> All =>
    [
        .. Shapes.Append(Small).Select(s => new Row($"token log-prob [{s.Tokens}, {s.Vocab}], loss.backward()", () => Primed(s.Tokens, s.Vocab, (t, v) => Backward(t, v, float32)))),
        .. Shapes.Select(s => new Row($"token log-prob [{s.Tokens}, {s.Vocab}], donated logits", () => Primed(s.Tokens, s.Vocab, Donated))),
        .. Shapes.Select(s => new Row($"token log-prob [{s.Tokens}, {s.Vocab}], bfloat16", () => Primed(s.Tokens, s.Vocab, (t, v) => Backward(t, v, bfloat16)))),
        .. Shapes.Append(Small).Select(s => new Row($"full-vocabulary KL [{s.Tokens}, {s.Vocab}], loss.backward()", () => Primed(s.Tokens, s.Vocab, Divergence))),
    ];

    /// <summary>Work of this shape, after a little of it: what compiling takes is not the work's memory.</summary>
    private static Work Primed(long tokens, long vocab, Func<long, long, Work> make)
    {
        using (var little = make(8, 512))
        {
            little.Eager(null);
            little.Fused(null);
        }

        return make(tokens, vocab);
    }

    private static Work Backward(long tokens, long vocab, ScalarType dtype)
    {
        var data = new TokenData(tokens, vocab, dtype);
        return new Work(
            results => data.Step(() => Measured.TokenLoss(data.Logits, data.Labels), results),
            results => data.Step(() => Measured.Fused.TokenLoss(data.Logits, data.Labels), results),
            [data],
            Tolerance: dtype == float32 ? 1e-5 : 1e-2,
            MemoryUnit: data.Bytes);
    }

    private static Work Donated(long tokens, long vocab)
    {
        var data = new TokenData(tokens, vocab, float32);
        return new Work(
            results => data.Step(() => Measured.TokenLoss(data.Logits, data.Labels), results),
            results =>
            {
                // The gradient takes the logits' place: the next call reads it as logits, which costs the same.
                using var result = Measured.Fused.DonatedTokenLossWithGrad(data.Logits, data.Labels);
                results?.AddRange([TokenData.Copy(result.Value), TokenData.Copy(result.GradLogits!)]);
            },
            [data],
            MemoryUnit: data.Bytes);
    }

    private static Work Divergence(long tokens, long vocab)
    {
        var data = new TokenData(tokens, vocab, float32);
        var reference = randn(tokens, vocab);
        return new Work(
            results => data.Step(() => Measured.Divergence(data.Logits, reference), results),
            results => data.Step(() => Measured.Fused.Divergence(data.Logits, reference), results),
            [data, reference],
            MemoryUnit: data.Bytes);
    }

    private sealed class TokenData : IDisposable
    {
        public TokenData(long tokens, long vocab, ScalarType dtype)
        {
            manual_seed(1);
            using var wide = randn(tokens, vocab);
            Logits = wide.to(dtype, copy: true).requires_grad_();
            Labels = randint(vocab, tokens, dtype: int64);
        }

        public Tensor Logits { get; }

        public Tensor Labels { get; }

        public double Bytes => Logits.numel() * Logits.element_size();

        public static Tensor Copy(Tensor tensor) => tensor.detach().clone().DetachFromDisposeScope();

        /// <summary>A loss and its backward pass; all that they made is disposed.</summary>
        public void Step(Func<Tensor> forward, List<Tensor>? results)
        {
            using var scope = NewDisposeScope();
            var loss = forward();
            loss.backward();
            results?.AddRange([Copy(loss), Copy(Logits.grad!)]);
            Logits.grad = null;
        }

        public void Dispose()
        {
            Logits.Dispose();
            Labels.Dispose();
        }
    }
}
