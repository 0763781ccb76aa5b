using Dpo.Autodiff.Generator.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>The table of torch operations, and objectives that combine them in unusual ways, fused against eager: values, dtypes and gradients.</summary>
public sealed class ElaborateFusedTests
{
    private static readonly string[] Unusual = """
        where(m, x, 0).sum() / m.sum()
        (x * m).sum(1) / m.sum(1).clamp_min(1)
        x.gather(1, i.to_type(ScalarType.Int64)) * i
        (x - y).mean().detach().clamp_min(0) * x - logsigmoid(x - (x - y).mean().clamp_min(0).detach())
        (x.sort(1, true).Values - x.sort(1, true).Values.flip(1).logcumsumexp(1).flip(1)).sum()
        (p[g] - zeros_like(p).index_add(0, g, p[g].detach(), 1)[g]) * p[g].exp()
        where(m.to_type(ScalarType.Int64).cumsum(1) <= 2, x, 0.5 * x)
        -(softmax(x, 1) * log_softmax(x, 1)).sum(1)
        (softmax(x, 1) * (log_softmax(x, 1) - log_softmax(y, 1))).sum(1).mean() * beta
        where(x >= x.quantile(0.5, 1, true), x, 0).sum()
        x.topk(3, 1).values.mean() - x.topk(2, 1, false).values.mean()
        x[.., 1..] - x[.., ..^1]
        cat(new[] { x, zeros_like(x) }, 0) * w
        (relu(1 - (s.unsqueeze(0) - s.unsqueeze(1))) * q.sign()).triu(1).sum()
        s[i].sum(1) * p
        q[i[0], i[1]] * s
        x[g][.., 1] * x[g, 2]
        stack(new[] { x, y }, 0).amax([0]) + stack(new[] { x, y, x * y }, 0).logsumexp(0)
        (x.argmax(1) == t).to_type(ScalarType.Float64).mean()
        (x.unsqueeze(2) * q.unsqueeze(0)).sum(1)
        1 / x + beta / x + (2 - x) / y
        exp(x - x.amax([1], true)).sum(1).log()
        x.softmax(1).gather(1, t.unsqueeze(1)).squeeze(1).log()
        where(flag, x, 0).sum()
        x.minimum(y).maximum(z) + x.clamp(z, z + 1)
        (x.max(1).values - x.min(1).values).clamp_max(1.5).pow(2).sum() / x.numel()
        x.cumsum(1).flip(1).cumsum(1).flip(1) * m
        log_softmax(cat(new[] { x, y, x }, 1), 1).sum([0]).chunk(3, 0)[1]
        x.transpose(0, 1).unsqueeze(0).expand(2, -1, -1).sum(1)
        (x.unsqueeze(1) - y.unsqueeze(0)).abs().amin([1]).sum(1)
        c.select(1, 0).sigmoid() * c.select(1, 1).logsumexp(1, true) + c[.., 1].mean([0])
        x.var(0, unbiased: false).sqrt() + (x - x.mean([1], true)) / x.std(1, true, true)
        m.logical_not().to_type(ScalarType.Float64).sum(1) * p + m.any(1).to_type(ScalarType.Float64) + (~m).sum()
        (x > y).to_type(ScalarType.Float64).mean()
        x.detach().amax([1]).sum() * x.sum(1)
        torch.log(torch.exp(x) / (torch.exp(x) + torch.exp(y)))
        torch.log(1 - x.sigmoid()) + torch.log(torch.exp(x).sum(1, true)) + torch.log(softmax(x, 1))
        (s.unsqueeze(1) - s.unsqueeze(0)).sigmoid().log().diagonal().sum() + (s.unsqueeze(1) - s.unsqueeze(0)).sum(1)
        z * 2
        z + x.mean()
        x.sum(1).sort(descending: true).Values * p.sort().Values
        x.mean() + minimum(z, 1.0) * tensor(2.0)
        w.view(2, -1, s.size(0)).logsumexp(0) * x
        (i.to_type(ScalarType.Float64) * x).sum() / (i > 0).sum().clamp_min(1)
        """.ReplaceLineEndings("\n").Split('\n');

    [Fact]
    public void The_table_of_operations() => Compare(ElaborateMeaningTests.Expressions);

    [Fact]
    public void Unusual_objectives() => Compare(Unusual);

    private static void Compare(string[] expressions)
    {
        var methods = expressions.Select((e, k) => $"[Objective] public static Tensor F{k}({ElaborateMeaningTests.Signature}) => {e};\n");
        var project = new InMemoryProject(InMemoryProject.Usings + "public static partial class C\n{\n" + string.Concat(methods) + "}\n");
        Assert.DoesNotContain(project.Analyze(new ObjectiveAnalyzer()), d => d.Id != "DPO0060");
        var type = project.Generate().Load().GetType("C")!;
        var differences = Enumerable.Range(0, expressions.Length)
            .Select(k => (expressions[k], Difference: Difference(type, "F" + k)))
            .Where(d => d.Difference is not null).ToArray();
        Assert.True(differences.Length == 0, string.Join("\n", differences));
    }

    private static string? Difference(Type type, string name)
    {
        var method = type.GetMethod(name)!;
        var (mine, others) = (ElaborateMeaningTests.Draw(1), ElaborateMeaningTests.Draw(1));
        object?[] Arguments(Dictionary<string, Tensor> inputs) =>
            method.GetParameters().Select(p => inputs.TryGetValue(p.Name!, out var tensor) ? tensor : p.DefaultValue).ToArray();
        try
        {
            var eager = (Tensor)method.Invoke(null, Arguments(mine))!;
            var fused = (Tensor)type.GetNestedType("Fused")!.GetMethod(name)!.Invoke(null, Arguments(others))!;
            ElaborateMeaningTests.Close(ElaborateMeaningTests.Elements(eager), ElaborateMeaningTests.Elements(fused), "value");
            if (eager.dtype != fused.dtype || eager.requires_grad != fused.requires_grad)
                return $"{fused.dtype}, requires_grad {fused.requires_grad}";
            if (!eager.requires_grad)
                return null;
            eager.sum().backward();
            fused.sum().backward();
            foreach (var (input, tensor) in mine.Where(t => t.Value.requires_grad))
                ElaborateMeaningTests.Close(Gradient(tensor), Gradient(others[input]), "gradient of " + input);
            return null;
        }
        catch (Exception exception)
        {
            return (exception.InnerException ?? exception).Message;
        }
    }

    private static double[] Gradient(Tensor tensor) => tensor.grad is { } gradient ? ElaborateMeaningTests.Elements(gradient) : new double[tensor.numel()];
}
