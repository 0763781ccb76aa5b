using System.Runtime.CompilerServices;
using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Generator.Tests.Harness;
using Dpo.Autodiff.Testing;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Language;

/// <summary>Several results in one graph: a backward of some is eager's, though the derivatives of the others are infinite.</summary>
public sealed class SeveralResultsTests
{
    private const string Objectives = """
        [Objective] public static (Tensor a, Tensor b, Tensor c) Shared([Axes("item")] Tensor x, [Axes("item")] Tensor y)
        {
            var root = (x * y).sqrt();
            return ((x + 2 * y).square().sum(), root * y, (3 * root).exp().mean() + y.log().sum());
        }
        [Objective] public static (Tensor a, Tensor b) Apart([Axes("item")] Tensor x, [Axes("item")] Tensor y) => (x.sqrt().sum(), y.exp().sum());
        [Objective] public static (Tensor a, Tensor b) Rows([Axes("row item")] Tensor x, [Axes("item")] Tensor y)
        {
            var logs = x.log_softmax(-1);
            return (logs.sum(-1) + (logs.exp() * y).sum(), (x.sum(-1).sqrt() + matmul(x, y)).sum() + logs.cumsum(-1).amax());
        }
        [Objective] public static (Tensor a, Tensor b, Tensor c) Detached([Axes("item")] Tensor x, [Axes("item")] Tensor y) =>
            (x.sqrt().detach() * y, x.sum().detach(), x.square().mean() * y.sum());
        """;

    private static readonly Lazy<Type> Compiled = new(() =>
        new InMemoryProject(InMemoryProject.Usings + "public static partial class C\n{\n" + Objectives + "\n}\n").Generate().Load().GetType("C")!);

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var name in new[] { "Shared", "Apart", "Rows", "Detached" })
            foreach (var way in new[] { "loops", "torch", "card" })
                cases.Add(name, way);
        return cases;
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Results_without_an_upstream_have_no_part_in_the_gradients(string name, string way)
    {
        if (way == "card")
            Toolchain.Require(Toolchain.Gcc);
        using var scope = NewDisposeScope();
        foreach (var dtype in new[] { ScalarType.Float64, ScalarType.Float32, ScalarType.BFloat16 })
            for (var needs = 1; needs < 4; needs++)
                for (var asked = 1; asked < (name is "Shared" or "Detached" ? 8 : 4); asked++)
                {
                    var eager = Gradients(Compiled.Value, name, dtype, needs, asked);
                    var fused = By(way, () => Gradients(Compiled.Value.GetNestedType("Fused")!, name, dtype, needs, asked));
                    var place = $"{name} by {way} in {dtype}, gradients {needs}, results {asked}";
                    Assert.True(eager.IsDifferentiable.SequenceEqual(fused.IsDifferentiable), place + ": requires_grad");
                    foreach (var (wanted, got) in eager.Gradients.Zip(fused.Gradients))
                    {
                        Assert.True(wanted is null == got is null, $"{place}: {(got is null ? "missing" : "there")}");
                        if (wanted is not null)
                            Assert.True(AreClose(wanted, got!, dtype), $"{place}: {Text(got!)}, eager {Text(wanted)}");
                    }
                }
    }

    [Fact]
    public void A_gradient_that_is_differentiated_again_is_of_the_results_that_were_asked_for()
    {
        using var scope = NewDisposeScope();
        foreach (var name in new[] { "Shared", "Rows" })
        {
            Tensor[] Second(Type surface)
            {
                var (x, y) = Inputs(name, ScalarType.Float64, 3);
                var first = Results(surface, name, x, y)[0];
                var gradients = autograd.grad([first.sum()], [x, y], retain_graph: true, create_graph: true);
                (gradients[0].square().sum() + gradients[1].sum()).backward();
                return [x.grad!, y.grad!];
            }

            foreach (var (wanted, got) in Second(Compiled.Value).Zip(Second(Compiled.Value.GetNestedType("Fused")!)))
                Assert.True(AreClose(wanted, got, ScalarType.Float64), $"{name}: {Text(got)}, eager {Text(wanted)}");
        }
    }

    private static T By<T>(string way, Func<T> run)
    {
        var before = BackendChoice.Current;
        try
        {
            BackendChoice.Current = way == "torch" ? Backend.Torch : before;
            CudaDevices.Emulated = way == "card" ? new EmulatedDevice() : null;
            return run();
        }
        finally
        {
            (BackendChoice.Current, CudaDevices.Emulated) = (before, null);
        }
    }

    /// <summary>Zeros, whose root has an infinite derivative.</summary>
    private static (Tensor X, Tensor Y) Inputs(string name, ScalarType dtype, int needs)
    {
        var x = tensor([0.0, 1, 0.25, 0, 2, 0.5]);
        var y = tensor([0.0, 0.5, 0, 1, 1.5, 0.75]);
        return name == "Rows"
            ? (cat([zeros(6, ScalarType.Float64), x]).reshape(2, 6).to_type(dtype).requires_grad_((needs & 1) != 0), y.to_type(dtype).requires_grad_((needs & 2) != 0))
            : (x.to_type(dtype).requires_grad_((needs & 1) != 0), y.to_type(dtype).requires_grad_((needs & 2) != 0));
    }

    private static Tensor[] Results(Type surface, string name, Tensor x, Tensor y)
    {
        var results = (ITuple)surface.GetMethod(name)!.Invoke(null, [x, y])!;
        return [.. Enumerable.Range(0, results.Length).Select(i => (Tensor)results[i]!)];
    }

    private static (bool[] IsDifferentiable, Tensor?[] Gradients) Gradients(Type surface, string name, ScalarType dtype, int needs, int asked)
    {
        var (x, y) = Inputs(name, dtype, needs);
        var results = Results(surface, name, x, y);
        var starts = results.Where((r, i) => (asked & (1 << i)) != 0 && r.requires_grad).Select(r => (r * 0.5).sum().to_type(ScalarType.Float64)).ToArray();
        if (starts.Length > 0)
            starts.Aggregate((a, b) => a + b).backward();
        return ([.. results.Select(r => r.requires_grad)], [x.grad, y.grad]);
    }

    private static string Text(Tensor x) => string.Join(" ", x.to_type(ScalarType.Float64).data<double>().ToArray());

    private static bool AreClose(Tensor wanted, Tensor got, ScalarType dtype)
    {
        var relative = dtype switch { ScalarType.Float64 => 1e-10, ScalarType.Float32 => 1e-5, _ => 4e-2 };
        return got.to_type(ScalarType.Float64).allclose(wanted.to_type(ScalarType.Float64), relative, relative, equal_nan: true);
    }
}
