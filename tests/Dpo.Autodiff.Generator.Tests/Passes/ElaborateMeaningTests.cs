using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>
/// Each torch operation of the table, as C#: the elaborated program, and its gradients, mean what TorchSharp computes for the same
/// expression in float64.
/// </summary>
public sealed class ElaborateMeaningTests
{
    internal const string Signature = """
        [Axes("pair item")] Tensor x, [Axes("pair item")] Tensor y, [Axes("item")] Tensor s, [Axes("pair")] Tensor p, [Axes("2*pair item")] Tensor w,
        [Axes("item item")] Tensor q, [Axes("pair 2 item")] Tensor c, [Axes("")] Tensor z, [Axes("pair item"), NoGrad] Tensor m, [Axes("pair item"), NoGrad] Tensor i,
        [Axes("game"), NoGrad] Tensor g, [Axes("pair"), NoGrad] Tensor l, [Axes("pair"), NoGrad] Tensor t, double beta = 0.3, int n = 2, bool flag = true, double? margin = null
        """;

    private static readonly IReadOnlyDictionary<string, long> Extents = new Dictionary<string, long> { ["pair"] = 3, ["item"] = 4, ["game"] = 5 };

    private static readonly IReadOnlyDictionary<string, double> Hyper = new Dictionary<string, double> { ["beta"] = 0.3, ["n"] = 2, ["flag"] = 1 };

    /// <summary>One a line; the first result is differentiated.</summary>
    internal static readonly string[] Expressions = """
        x.matmul(q) * y + torch.matmul(x, q.T) + linear(x, q, s) + x.mm(q) + torch.mm(y, q.t())
        x.matmul(y.T) + p.unsqueeze(1) * x.mv(s).unsqueeze(0) + torch.mv(y, s).unsqueeze(1) + s.dot(s) + torch.dot(p, p) * p.matmul(x).dot(s)
        c.matmul(q) + c.bmm(q.unsqueeze(0).expand(p.size(0), -1, -1)) + c.matmul(c.mT).matmul(c) + linear(c, q) + torch.bmm(c, q.expand(p.shape[0], -1, -1))
        -log_softmax(x.matmul(y.T) / beta, 1).diagonal().mean() + x.matmul(s).sum() + s.matmul(q).sum()
        linear(x, q).log_softmax(-1).gather(1, (i - 1).clamp_min(0).to_type(ScalarType.Int64)) * m
        x.elu() + x.elu(0.7) + nn.functional.selu(x, false) + nn.functional.softsign(x, false) + nn.functional.mish(x, false) + relu6(x * 4, false) + x.frac() * y
        x.logaddexp(y) + torch.logaddexp(y, x * 2) + x.sigmoid().logit() + torch.logit(x.sigmoid(), 0.1)
        x.addcmul(y, x, 0.5) + torch.addcmul(x, y, y, 2) + x.addcdiv(y, y.square() + 1, 3) + q.sum().addmm(x, q.T) + s.addmm(x, q) + torch.addmm(y, x, q, 0.5f, 2f)
        torch.einsum("pi,ij->pj", x, q) + torch.einsum("ai,ib", y, q) + torch.einsum("pi,pi,i->p", x, y, s).unsqueeze(1) + torch.einsum("pki,kpi->i", c, c.transpose(0, 1)) + p.addmv(x, s).unsqueeze(1) + linalg.vecdot(x, y).unsqueeze(1)
        x.norm() + x.norm(1).sum() + x.norm(1, true).mean() + torch.norm(x, 1f) + nn.functional.normalize(x).sum() + nn.functional.normalize(c, dim: -1).sum(2).sum(1).mean()
        cosine_similarity(x, y).sum() + pairwise_distance(x, y).mean() + triplet_margin_loss(x, y, y * 2 + 1) + triplet_margin_loss(x, y, x.detach() + 1, margin: 0.3, swap: true, reduction: nn.Reduction.Sum)
        binary_cross_entropy(x.sigmoid(), y.detach().sigmoid()) + poisson_nll_loss(x, y.detach().exp()) + hinge_embedding_loss(x, y.detach().sign(), 0.5) + cosine_embedding_loss(x, y, p.detach().sign(), 0.1)
        x.std_mean(1).std * p + torch.var_mean(x, 1, false).mean + x.split(x.size(0), 0)[0].sum()
        x.kthvalue(2, 1).values * (x.kthvalue(1, 1).indices + 1) + s.median() * s.msort().sum() + (torch.argsort(x, 1, true) * x).sum(1)
        nn.functional.softmin(x, 1) + one_hot(t, x.size(1)) * x + one_hot(t, (int)s.size(0)).to(float64) + x.to(torch.float64)
        pad(x, (1, 0))[.., ..^1] + pad(x, (2, 1), value: 0.5).sum(1, true) + pad(x, (0, -1)).sum(1, true) + x.roll(1, 1) * y + torch.diff(x, 1).sum(1, true) + x.fliplr() * y + x.flipud()
        hstack([x, y]).softmax(1).sum(1) + vstack([x, y]).chunk(2)[^1].sum(1) + x.repeat(2, 1).chunk(2, 0)[1].sum(1) + x.repeat_interleave(2, 1).logsumexp(1) + c.unbind(1)[1].sum(1) + w.split(w.size(0) / 2)[^1].sum(1)
        w.view(2, -1, s.size(0))[0] + w.reshape(-1, 2, w.size(1))[.., 1] + q.trace() + c.split([1, 1], 1)[1].squeeze(1)
        x.flatten().logsumexp(0) * x.view(-1).softmax(0).view_as(x) + c.flatten(1).log_softmax(-1).view(c.shape).sum(1) + (x.flatten() * y.ravel()).sum() + c.flatten(0, 2).amax([0])
        cross_entropy(c.transpose(1, 2).reshape(-1, 2), (t % 2).unsqueeze(1).expand(-1, x.size(1)).reshape(-1)) + cross_entropy(x.unsqueeze(1).expand(-1, 3, -1).flatten(0, 1), t.unsqueeze(1).expand(-1, 3).flatten()) + x.sum()
        w[TensorIndex.Slice(0, null, 2)] - w[TensorIndex.Slice(1, null, 2)].exp()
        x.flatten().argmax() * x + x.view(x.size(0) * x.size(1)).argmin() + c.argmax() + linear(c.view(-1, s.size(0)), q).view(c.shape).sum(1)
        x.neg() + x.abs() * x.sign() - relu(x) + x.square()
        x.exp() + torch.expm1(x) + x.abs().log() + log1p(x.abs()) + x.abs().log2() + x.abs().log10()
        x.abs().sqrt() + x.abs().rsqrt() + x.reciprocal() + x.sigmoid() + logsigmoid(x) + x.tanh() + x.erf() + torch.special.erfc(x)
        torch.exp2(x) + silu(x) + softplus(x, beta, 5) + softplus(x, 2) + softplus(x)
        gelu(x)
        (x * 3).floor() * y + (x * 3).ceil() * x + (x * 3).trunc() + (x * 3).round() * y
        (x + y) * (x - y) / (1 + y.square())
        x.pow(2) + x.pow(3) + x.abs().pow(0.5) + x.abs().pow(y) + x.abs().pow(beta)
        x.remainder(0.7) + x.remainder(y)
        minimum(x, y) + maximum(x, y) + minimum(x, 0.5) + maximum(x, beta)
        x.clamp(-0.5, 0.5) + x.clamp_min(0.1) * y + x.clamp_max(beta) * y + x.clamp(y - 1, y + 1)
        x.clamp(max: 0.3) * x.clamp(min: -0.3)
        where(x > y, x, y) + where(m, x, 0) + where(m, 1.0, x) * y + where(x < 0, 2, y)
        x.masked_fill(m, 0.25) + x.masked_fill(m.logical_not(), beta)
        ((x > 0) & (y > 0) | m ^ ~m).to_type(ScalarType.Float64) * x
        (x.gt(0).logical_and(y.lt(0)).logical_or(m).logical_xor(m)).to_type(ScalarType.Float64) + x
        (x.logical_not().to_type(ScalarType.Float64) + x.isnan().to_type(ScalarType.Float64) + x.isfinite().to_type(ScalarType.Float64)) * x
        (x / x.relu()).detach().nan_to_num(0.5, 2, -3) + y
        (x * m).sum() / m.sum()
        (i == 2).to_type(ScalarType.Float64) * x + i * x - (i - 1).clamp(0)
        x.gather(1, (i - 1).clamp_min(0)) + (i >= 2).to_type(ScalarType.Float64)
        x.sum() + x.sum(1).square().sum() + x.sum([0]).square().sum() + x.sum([0, 1]) * x.sum([-1], true).square().mean()
        x.mean() * x.mean([0]).square().sum() + (x - x.mean([1], true)).square().sum()
        x.var(1) + x.var(1, unbiased: false) + x.std(1) + x.std(-1, unbiased: false)
        x.var() + x.std()
        x.amax([1]) + x.amin([-1]) + x.amax([0, 1]) + x.max() + x.min()
        x.max(1).values + x.min(1, true).values.squeeze(1) + x.max(1).indexes
        x.argmax(1) * p + x.argmin(1)
        x.logsumexp(1) + (x - x.logsumexp(1, true)).sum(1)
        softmax(x, 1) * y + log_softmax(x, 0) + x.softmax(-1) * x.log_softmax(-1)
        (x > 0).any(1).to_type(ScalarType.Float64) * p + (x > -1).all(1).to_type(ScalarType.Float64) + m.any().to_type(ScalarType.Float64)
        (x > 0).sum() * x + (x > 0).sum(1).unsqueeze(1)
        where(m, x.detach() / 0, x).nan_to_num(0.5, 2, -3).nansum()
        x + s + p.unsqueeze(1) + z * s
        x.transpose(0, 1) * x.t().flip(0) + x.T + x.mT
        x.permute(1, 0).unsqueeze(0).movedim(new long[] { 0 }, new long[] { 2 }).squeeze(-1) * 2
        s.expand(3, -1) * 2
        s.expand(x.size(0), x.size(1)) * x + p.unsqueeze(-1).expand_as(x) + s.unsqueeze(0).expand(x.shape[0], -1)
        w.chunk(2, 0)[0] * w.chunk(2, 0)[1] + x.chunk(1, 0)[0]
        cat(new[] { x, y }, 0) * w
        cat(new[] { x, y * 2, w }, 0).sum(1)
        cat(new[] { x, y }, 1).logsumexp(1) + cat(new[] { x > 0, y > 0 }, 1).sum(1)
        stack(new[] { x, y }, 1) * c
        stack(new[] { x.sum(1), y.sum(1), p }, -1).softmax(-1)
        c.flatten(0, 1) * w.square()
        w.unflatten(0, new long[] { 2, -1 }) * stack(new[] { x, y }, 0)
        w.view(2, -1, x.size(1)).transpose(0, 1) * c + w.reshape(new long[] { 2, -1, s.size(0) }).sum()
        c.transpose(1, 2).flatten(1).sum(1) * c.transpose(1, 2).flatten(1).amax([1])
        c.transpose(1, 2).flatten(1).unflatten(1, new long[] { -1, 2 }) * x.unsqueeze(-1)
        q.diagonal() * s + q.diagonal(0, 1, 0)
        q.diagonal(1).sum() + q.diagonal(-2).square().sum()
        x.narrow(1, 1, 2) * y.narrow(1, 0, 2)
        x.select(1, 0) * x.select(0, -1).sum() + x[1].sum() + x[.., 2] * x[0, 3]
        x[.., 2..] * y[.., ..^2] + x[1.., ..2].sum()
        x[TensorIndex.Ellipsis, TensorIndex.Slice(1, null)] * 2
        x[TensorIndex.Colon, TensorIndex.None, 1] + x[.., ^1].unsqueeze(1)
        x[g] * x.index_select(0, g) + x.index_select(1, i[0]).index_select(0, g)
        s[i] * x
        q[i, i.flip(1)] * x
        q[g - 1 + 1, g] + c[g, 1, g]
        x.gather(1, i) * y.gather(-1, i.flip(0))
        x.gather(0, l.clamp(0, 2).unsqueeze(1).expand(-1, x.size(1))) * y
        zeros_like(x).scatter_add(1, i, y) * x
        x.index_add(0, g.clamp(0, 2), x[g], 0.5) + zeros(new long[] { x.size(0), x.size(1) }, dtype: ScalarType.Float64).index_add(0, g, y[g], 1)
        x.cumsum(1) * y.cumsum(0) + x.logcumsumexp(1) + y.flip(0).cumsum(0).flip(0)
        x.flip(0, 1) * y
        x.sort(1).Values * y + x.sort(0, true).Values
        x.sort(1, true).Indices * y
        x.topk(2, 1).values * y.topk(2, -1, false).values
        x.quantile(0.4, 1) + x.quantile(beta, 1, true).squeeze(1)
        s.quantile(0.25)
        cross_entropy(x, l) + cross_entropy(x, t, reduction: nn.Reduction.Sum)
        cross_entropy(x, l, weight: s.exp().detach(), label_smoothing: 0.1)
        cross_entropy(x, t, reduction: nn.Reduction.None, label_smoothing: 0.2)
        cross_entropy(x, y.softmax(1))
        cross_entropy(c.transpose(1, 2), i[.., ..2])
        binary_cross_entropy_with_logits(x, y.sigmoid()) + binary_cross_entropy_with_logits(x, y.sigmoid().detach(), s.exp().detach(), pos_weights: s.square().detach())
        nll_loss(x.log_softmax(1), t) + margin_ranking_loss(x, y, y.sign(), 0.3) + soft_margin_loss(x, y.sign().detach())
        q.tril() * s + q.triu(1).square() + torch.outer(s, s.exp()) + s.broadcast_to(new long[] { s.size(0), -1 })
        x.lerp(y, y.sigmoid()) + x.xlogy(y.exp()) + leaky_relu(x, 0.2) + x.count_nonzero(new long[] { 1 }).unsqueeze(1)
        x.take_along_dim(i, 1) * y + x.take_along_dim(i[0].unsqueeze(0), 1)
        mse_loss(x, y) + l1_loss(x, y) + smooth_l1_loss(x, y, beta: 0.7) + huber_loss(x, y, delta: 0.6) + mse_loss(x, y, nn.Reduction.Sum)
        kl_div(x.log_softmax(1), y.softmax(1), false, nn.Reduction.Sum) + kl_div(x, y, true, nn.Reduction.Mean)
        zeros_like(x) + ones_like(y) * x + full_like(x, beta) + torch.full(new long[] { x.size(0), x.size(1) }, 2.0, dtype: ScalarType.Float64)
        arange(x.size(1)) * x + arange(1, x.size(1) + 1) * y + arange(0, 2 * x.size(1), 2)
        arange(1, 4).sum() * x + arange(4.0)[1]
        x * x.size(0) + x.numel() * y + x.shape[1] + x.ndim
        x.detach() * y + x * y.detach()
        tensor(2.0) * x + tensor(beta)
        x.to_type(ScalarType.Float32).to_type(ScalarType.Float64) * 1.0
        x.type_as(y) + y.to(x.dtype) + m.type_as(x) + m.to(ScalarType.Float64)
        torch.dot(s, s.exp()) * x
        x * (flag ? beta : 2 * beta) + (flag ? x : y) * n
        x - (margin ?? 0.5)
        x * Math.Exp(beta) + Math.Max(beta, 0.5)
        m.to_type(ScalarType.Int64).cumsum(1) * x
        m.cumsum(1) * x
        x.sum(flag ? 1 : 0).mean(new long[] { 0 }, flag) * p
        x.squeeze() * x.unsqueeze(0).squeeze(0)
        z.exp() * z + x.sum().unsqueeze(0).sum()
        (x.unsqueeze(0) - y.unsqueeze(1)).square().sum([-1]).exp().sum(1)
        x.sum(ScalarType.Float64)
        softmax(x, 1, ScalarType.Float64)
        -x.pow(2).neg().pow(1) + 1 - x
        i.gather(1, i) * x + x.gather(1, i.gather(1, i))
        (l != -100).to_type(ScalarType.Float64) * log_softmax(x, 1).gather(1, where(l == -100, 0, l).unsqueeze(1)).squeeze(1)
        """.ReplaceLineEndings("\n").Split('\n');

    internal static readonly Lazy<InMemoryProject> Project = new(() => new InMemoryProject(
        InMemoryProject.Usings + "public static partial class C\n{\n" + string.Concat(Expressions.Select((e, k) => $"[Objective] public static Tensor F{k}({Signature}) => {e};\n")) + "}\n"));

    private static readonly Lazy<Type> Compiled = new(() => Project.Value.Load().GetType("C")!);

    public static TheoryData<int, string> Cases
    {
        get
        {
            var cases = new TheoryData<int, string>();
            for (var k = 0; k < Expressions.Length; k++)
                cases.Add(k, Expressions[k]);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Means_what_torch_computes(int number, string expression)
    {
        var method = Compiled.Value.GetMethod("F" + number)!;
        var elaboration = Elaborate.Run(Reading.Model(Project.Value, method.Name));
        Assert.True(elaboration.Diagnoses.Count == 0, expression + ": " + string.Join("\n", elaboration.Diagnoses.Select(d => d.Id + " " + d.Arguments)));
        var program = elaboration.Programs[Choose(elaboration.Decisions!)];

        for (var seed = 1; seed <= 2; seed++)
        {
            var inputs = Draw(seed);
            var arguments = method.GetParameters().Select(p => inputs.TryGetValue(p.Name!, out var tensor) ? tensor : p.DefaultValue).ToArray();
            var eager = (Tensor)method.Invoke(null, arguments)!;
            var elements = program.Inputs.Select(input => Elements(inputs[input.Name])).ToArray();
            Close(Elements(eager), Evaluate(program, elements)[0], expression + "\n" + ProgramPrinter.Print(program));
            Assert.Equal(eager.shape, program.Types[program.Outputs[0].Variable].Extents.Select(e => ProgramEvaluator.Size(e, Extents)));

            Assert.Equal(eager.requires_grad, program.Outputs[0].Differentiable);
            if (!eager.requires_grad)
                continue;
            eager.sum().backward();
            var joint = Differentiate.Joint(program);
            var upstream = Enumerable.Repeat(1.0, (int)eager.numel()).ToArray();
            var outputs = Evaluate(joint, [.. elements, upstream]);
            for (var k = 1; k < outputs.Length; k++)
            {
                var expected = inputs[joint.Outputs[k].Name].grad;
                Close(expected is null ? new double[outputs[k].Length] : Elements(expected), outputs[k], $"{expression}\ngradient of {joint.Outputs[k].Name}\n{ProgramPrinter.Print(joint)}");
            }
        }
    }

    private static int Choose(Decision decision) => decision switch
    {
        Decision.Leaf leaf => leaf.Variant,
        Decision.Branch branch => Choose(HostEvaluator.Run(branch.Host, Hyper, Extents)[branch.Condition] != 0 ? branch.WhenTrue : branch.WhenFalse),
        _ => throw new InvalidOperationException("The path throws."),
    };

    private static double[][] Evaluate(Program program, double[][] inputs) =>
        ProgramEvaluator.Run(program, inputs, HostEvaluator.Run(program.Host, Hyper, Extents), Extents);

    internal static Dictionary<string, Tensor> Draw(int seed)
    {
        manual_seed(seed);
        Tensor Real(params long[] sizes) => randn(sizes, dtype: ScalarType.Float64, requires_grad: true);
        return new()
        {
            ["x"] = Real(3, 4),
            ["y"] = Real(3, 4),
            ["s"] = Real(4),
            ["p"] = Real(3),
            ["w"] = Real(6, 4),
            ["q"] = Real(4, 4),
            ["c"] = Real(3, 2, 4),
            ["z"] = Real(),
            ["m"] = rand(3, 4) > 0.4,
            ["i"] = randint(0, 4, [3, 4], ScalarType.Int64),
            ["g"] = randint(0, 3, [5], ScalarType.Int64),
            ["l"] = tensor(new long[] { 2, -100, seed }),
            ["t"] = tensor(new long[] { 0, 3, seed }),
        };
    }

    internal static double[] Elements(Tensor tensor) => tensor.detach().to_type(ScalarType.Float64).contiguous().data<double>().ToArray();

    internal static void Close(double[] expected, double[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var k = 0; k < expected.Length; k++)
        {
            var same = double.IsNaN(expected[k]) ? double.IsNaN(actual[k]) : expected[k] == actual[k] || Math.Abs(expected[k] - actual[k]) <= 1e-9 * Math.Max(1, Math.Abs(expected[k]));
            Assert.True(same, $"[{k}] is {actual[k]:R}, not {expected[k]:R}: {what}");
        }
    }
}
