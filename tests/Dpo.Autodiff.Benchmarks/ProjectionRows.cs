using static TorchSharp.torch;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>DPO from hidden states and a head: memory is in units of the logits, which are never whole, and counts the gradients of both.</summary>
internal static class ProjectionRows
{
    private const long Pairs = 8;
    private const long Tokens = 64;
    private const long Model = 768;
    private const long Vocab = 32000;

    /// <summary>The rows.</summary>
    public static IEnumerable<Row> All => [new($"DPO, hidden [{2 * Pairs * Tokens}, {Model}] x head [{Vocab}, {Model}], loss.backward()", Backward)];

    private static Work Backward()
    {
        manual_seed(1);
        Tensor[] leaves = [randn(Pairs, Tokens, Model), randn(Pairs, Tokens, Model), randn(Vocab, Model) * 0.05];
        foreach (var leaf in leaves)
            leaf.requires_grad_();
        Tensor[] others = [randint(Vocab, [Pairs, Tokens], dtype: int64), randint(Vocab, [Pairs, Tokens], dtype: int64), randn(Pairs) * 10 - 500, randn(Pairs) * 10 - 500];
        return new Work(
            results => Step(() => Measured.ProjectedDpo(leaves[0], leaves[1], leaves[2], others[0], others[1], others[2], others[3]), results),
            results => Step(() => Measured.Fused.ProjectedDpo(leaves[0], leaves[1], leaves[2], others[0], others[1], others[2], others[3]), results),
            [.. leaves, .. others],
            MemoryUnit: 2.0 * Pairs * Tokens * Vocab * sizeof(float));

        void Step(Func<Tensor> forward, List<Tensor>? results)
        {
            using var scope = NewDisposeScope();
            var loss = forward();
            loss.backward();
            results?.Add(loss.detach().clone().DetachFromDisposeScope());
            foreach (var leaf in leaves)
            {
                results?.Add(leaf.grad!.detach().clone().DetachFromDisposeScope());
                leaf.grad = null;
            }
        }
    }
}
