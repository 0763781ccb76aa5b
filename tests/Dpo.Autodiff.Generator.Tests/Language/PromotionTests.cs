using System.Reflection;
using Dpo.Autodiff.Generator.Tests.Harness;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Language;

/// <summary>The dtypes of results where numbers of half precision meet whole ones on their way.</summary>
public sealed class PromotionTests
{
    private const string Objectives = """
        [Objective] public static Tensor Discounted([Axes("item")] Tensor x, [Axes("item")] Tensor n) => x / torch.log1p(torch.arange(x.size(0)) + 1.0);
        [Objective] public static Tensor Halved([Axes("item")] Tensor x, [Axes("item")] Tensor n) => x * (torch.arange(x.size(0)) / 2);
        [Objective] public static Tensor Offset([Axes("item")] Tensor x, [Axes("item")] Tensor n) => (x * (n + 0.5)).sum();
        [Objective] public static Tensor ByCount([Axes("item")] Tensor x, [Axes("item")] Tensor n) => (x / n).exp() + x.sum() / n.sum();
        [Objective] public static Tensor ByMean([Axes("item")] Tensor x, [Axes("item")] Tensor n) => (x.sum() / (n.sum() * 0.5)) * 2.5;
        [Objective] public static Tensor Agreement([Axes("item")] Tensor x, [Axes("item")] Tensor n) => x.gather(0, x.argmax(0, keepdim: true)) * (x.argmax(0) == n.argmax(0)).to_type(x.dtype).sum() + (x > n).to_type(x.dtype).sum();
        [Objective] public static Tensor WholeRatio([Axes("item")] Tensor x, [Axes("item")] Tensor n) => (n / n).sum() * x;
        """;

    [Fact]
    public void They_are_those_of_eager()
    {
        var type = new InMemoryProject(InMemoryProject.Usings + "public static partial class C\n{\n" + Objectives + "\n}\n").Generate().Load().GetType("C")!;
        using var scope = NewDisposeScope();
        foreach (var method in type.GetMethods().Where(m => m.GetCustomAttribute<ObjectiveAttribute>() is not null))
            foreach (var x in new[] { ScalarType.BFloat16, ScalarType.Float16, ScalarType.Float32, ScalarType.Float64, ScalarType.Int32 })
                foreach (var n in new[] { ScalarType.Int64, ScalarType.Byte, ScalarType.Float32 })
                {
                    object[] inputs = [arange(1, 6).to_type(x), arange(2, 7).to_type(n)];
                    var (wanted, got) = ((Tensor)method.Invoke(null, inputs)!, (Tensor)type.GetNestedType("Fused")!.GetMethod(method.Name)!.Invoke(null, inputs)!);
                    Assert.True(got.dtype == wanted.dtype, $"{method.Name} of {x} and {n} is {got.dtype}, not {wanted.dtype}");
                    Assert.True((got - wanted).abs().max().ToDouble() <= 0.02 * wanted.abs().max().ToDouble(), $"{method.Name} of {x} and {n}");
                }
    }
}
