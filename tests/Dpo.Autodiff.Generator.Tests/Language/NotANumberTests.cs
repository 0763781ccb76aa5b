using Dpo.Autodiff.Generator.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Language;

/// <summary>What becomes of a number that is none, at functions of which it is neither side.</summary>
public sealed class NotANumberTests
{
    [Fact]
    public void Signs_and_slopes_are_those_of_eager()
    {
        var type = new InMemoryProject(InMemoryProject.Usings + """
            public static partial class C
            {
                [Objective] public static Tensor Slope([Axes("item")] Tensor x) => x.abs() + 2 * x.sign();
                [Objective] public static Tensor Sign([Axes("item")] Tensor x) => 2 * x.sign() + 0 * x.nan_to_num(0);
            }
            """).Generate().Load().GetType("C")!;
        using var scope = NewDisposeScope();
        foreach (var name in new[] { "Slope", "Sign" })
            foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64 })
            {
                double[] Run(Type surface)
                {
                    var x = tensor([double.NaN, -1, 0, 2, -0.0, double.NaN, double.PositiveInfinity]).to_type(dtype).requires_grad_();
                    var value = (Tensor)surface.GetMethod(name)!.Invoke(null, [x])!;
                    value.sum().backward();
                    return [.. value.to_type(ScalarType.Float64).data<double>(), .. x.grad!.to_type(ScalarType.Float64).data<double>()];
                }

                Assert.Equal(Run(type), Run(type.GetNestedType("Fused")!));
            }
    }
}
