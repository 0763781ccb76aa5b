namespace Dpo.Autodiff.Generator.Tests.Language;

/// <summary>Products of matrices of every rank, alone and inside larger objectives.</summary>
public sealed class ProductTests
{
    private const string Objectives = """
        [Objective]
        public static Tensor RowsByColumns([Axes("pair d")] Tensor x, [Axes("d item")] Tensor y) => x.matmul(y);

        [Objective]
        public static Tensor InBatchNegatives([Axes("pair d")] Tensor x, [Axes("pair d")] Tensor y) => -log_softmax(x.mm(y.t()) / 0.5, 1).diagonal().mean();

        [Objective]
        public static Tensor TokenLogProbability([Axes("pair token model")] Tensor hidden, [Axes("vocab model")] Tensor head, [Axes("pair token")] Tensor iVocab, [Axes("pair token")] Tensor mask, [Axes("vocab")] Tensor bias)
        {
            var logits = linear(hidden, head, bias);
            var logp = log_softmax(logits, -1).gather(-1, iVocab.unsqueeze(-1)).squeeze(-1);
            return (where(mask, logp, 0)).sum(-1);
        }

        [Objective]
        public static (Tensor loss, Tensor chosenReward) DpoFromHiddenStates([Axes("2*pair token model")] Tensor hidden, [Axes("vocab model")] Tensor head, [Axes("2*pair token")] Tensor iVocab, [Axes("2*pair token")] Tensor mask, [Axes("2*pair"), NoGrad] Tensor reference)
        {
            var logp = log_softmax(linear(hidden, head), -1).gather(-1, iVocab.unsqueeze(-1)).squeeze(-1);
            var ratio = (where(mask, logp, 0).sum(-1) - reference).chunk(2, 0);
            return (-logsigmoid(0.1 * (ratio[0] - ratio[1])).mean(), ratio[0].detach());
        }

        [Objective]
        public static Tensor Batches([Axes("pair token d")] Tensor x, [Axes("pair d item")] Tensor y) => torch.bmm(x, y);

        [Objective]
        public static Tensor ByVector([Axes("pair token d")] Tensor x, [Axes("d")] Tensor y) => x.matmul(y).sigmoid();

        [Objective]
        public static Tensor VectorByMatrix([Axes("d")] Tensor x, [Axes("d item")] Tensor y) => x.matmul(y);

        [Objective]
        public static Tensor OfVectors([Axes("d")] Tensor x, [Axes("d")] Tensor y) => x.dot(y) * 2 + torch.dot(x, x);

        [Objective]
        public static Tensor OfMatrixAndVector([Axes("pair d")] Tensor x, [Axes("d")] Tensor y) => x.mv(y).square().mean();

        [Objective]
        public static Tensor TwoBatchAxes([Axes("4 pair token d")] Tensor x, [Axes("4 pair d item")] Tensor y) => x.matmul(y).softmax(-1);

        [Objective]
        public static Tensor BroadcastBatch([Axes("4 pair token d")] Tensor x, [Axes("1 pair d item")] Tensor y) => x.matmul(y).softmax(-1).sum();

        [Objective]
        public static Tensor MissingBatch([Axes("4 pair token d")] Tensor x, [Axes("pair d item")] Tensor y) => x.matmul(y).exp();

        [Objective]
        public static Tensor Attention([Axes("pair token d")] Tensor q, [Axes("pair token d")] Tensor k, [Axes("pair token item")] Tensor v) => q.matmul(k.mT).mul(0.3).softmax(-1).matmul(v);

        [Objective]
        public static Tensor NotContiguous([Axes("pair d")] Tensor xT, [Axes("d item")] Tensor yT) => xT.matmul(yT).relu().sum();

        [Objective]
        public static Tensor SingleElements([Axes("1 d")] Tensor x, [Axes("d 1")] Tensor y) => x.matmul(y);

        [Objective]
        public static Tensor QuadraticForm([Axes("pair d")] Tensor x, [Axes("d d")] Tensor w) => (x.matmul(w) * x).sum(1);

        [Objective]
        public static Tensor WithItself([Axes("pair d")] Tensor x) => x.matmul(x.T).triu(1).sum();

        [Objective]
        public static Tensor TransposedResult([Axes("pair d")] Tensor x, [Axes("pair d")] Tensor y) => x.matmul(y.T).T.softmax(1).square().sum([0]);

        [Objective]
        public static Tensor Chain([Axes("pair d")] Tensor x, [Axes("d model")] Tensor a, [Axes("model item")] Tensor b) => x.matmul(a).relu().matmul(b).logsumexp(1).mean();

        [Objective]
        public static Tensor FixedSizes([Axes("pair 3")] Tensor x, [Axes("3 2")] Tensor a) => x.matmul(a).softmax(1);

        [Objective]
        public static Tensor SingleRow([Axes("pair 1 d")] Tensor x, [Axes("item d")] Tensor a) => torch.matmul(x, a.T).squeeze(1);

        [Objective]
        public static Tensor SingleRowsInBatches([Axes("pair token 1 d")] Tensor x, [Axes("1 token d item")] Tensor y) => x.matmul(y).squeeze(2);

        [Objective]
        public static Tensor ConstantOperand([Axes("pair d"), NoGrad] Tensor x, [Axes("item d")] Tensor a) => linear(x.detach(), a).sigmoid().sum();
        """;

    [Fact]
    public void Products_equal_eager() => Assert.Empty(Comparison.Differences(Objectives, 0, 1, 17));
}
