using static TorchSharp.torch;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>DPO from sequence log-probabilities.</summary>
internal static class PairRows
{
    /// <summary>The rows.</summary>
    public static IEnumerable<Row> All =>
    [
        new("DPO, 64 pairs, value and gradients", () => Gradients(64)),
        new("DPO, 64 pairs, loss.backward()", () => Backward(64)),
        new("DPO, 64 pairs, value without grad", () => Value(64)),
        new("DPO, 64 pairs, the kernel alone", Kernel),
        new("DPO, 1M pairs, value and gradients", () => Gradients(1 << 20)),
        new("DPO, 4M pairs, value and gradients", () => Gradients(4 << 20)),
        new("DPO, 16M pairs, value and gradients", () => Gradients(16 << 20)),
        new("DPO, 4M pairs, loss.backward()", () => Backward(4 << 20)),
        new("DPO, 4M pairs, value without grad", () => Value(4 << 20)),
    ];

    private static Work Gradients(long pairs)
    {
        var pair = new Pairs(pairs, requiresGrad: true);
        return new Work(pair.EagerBackward, pair.FusedWithGrad, [pair], Bytes: pairs > 1 << 16 ? 6.0 * sizeof(float) * pairs : 0);
    }

    private static Work Kernel()
    {
        var pair = new Pairs(64, requiresGrad: true);
        return new Work(pair.EagerBackward, pair.Kernel().Run, [pair]);
    }

    private static Work Backward(long pairs)
    {
        var pair = new Pairs(pairs, requiresGrad: true);
        return new Work(pair.EagerBackward, pair.FusedBackward, [pair]);
    }

    private static Work Value(long pairs)
    {
        var pair = new Pairs(pairs, requiresGrad: false);
        return new Work(pair.EagerValue, pair.FusedValue, [pair]);
    }

    private sealed class Pairs : IDisposable
    {
        private readonly Tensor chosen;
        private readonly Tensor rejected;
        private readonly Tensor referenceChosen;
        private readonly Tensor referenceRejected;

        public Pairs(long pairs, bool requiresGrad)
        {
            manual_seed(1);
            chosen = (randn(pairs) * 20 - 100).requires_grad_(requiresGrad);
            rejected = (randn(pairs) * 20 - 100).requires_grad_(requiresGrad);
            referenceChosen = randn(pairs) * 20 - 100;
            referenceRejected = randn(pairs) * 20 - 100;
        }

        public BareKernel Kernel() => new(chosen, rejected, referenceChosen, referenceRejected);

        public void EagerBackward(List<Tensor>? results)
        {
            using var scope = NewDisposeScope();
            var loss = Measured.Dpo(chosen, rejected, referenceChosen, referenceRejected);
            Finish(loss, results);
        }

        public void FusedBackward(List<Tensor>? results)
        {
            using var scope = NewDisposeScope();
            var loss = Measured.Fused.Dpo(chosen, rejected, referenceChosen, referenceRejected);
            Finish(loss, results);
        }

        public void FusedWithGrad(List<Tensor>? results)
        {
            using var result = Measured.Fused.DpoWithGrad(chosen, rejected, referenceChosen, referenceRejected);
            Keep(results, result.Value, result.GradChosen!, result.GradRejected!);
        }

        public void EagerValue(List<Tensor>? results)
        {
            using var scope = NewDisposeScope();
            Keep(results, Measured.Dpo(chosen, rejected, referenceChosen, referenceRejected));
        }

        public void FusedValue(List<Tensor>? results)
        {
            using var scope = NewDisposeScope();
            Keep(results, Measured.Fused.Dpo(chosen, rejected, referenceChosen, referenceRejected));
        }

        public void Dispose()
        {
            foreach (var tensor in (Tensor[])[chosen, rejected, referenceChosen, referenceRejected])
                tensor.Dispose();
        }

        private static void Keep(List<Tensor>? results, params ReadOnlySpan<Tensor> computed)
        {
            if (results is null)
                return;
            foreach (var tensor in computed)
                results.Add(tensor.detach().clone().DetachFromDisposeScope());
        }

        private void Finish(Tensor loss, List<Tensor>? results)
        {
            loss.backward();
            Keep(results, loss, chosen.grad!, rejected.grad!);
            chosen.grad = null;
            rejected.grad = null;
        }
    }
}
