using System.Runtime.CompilerServices;
using Dpo.Autodiff.Generator.Tests.Harness;
using Microsoft.CodeAnalysis.CSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Language;

/// <summary>Corners of the language and of torch that objectives of the catalogue do not come near.</summary>
public sealed class StrangerTests
{
    [Fact]
    public void Members_of_extension_blocks_are_helpers() => Assert.Empty(Comparison.Differences(
        LanguageVersion.CSharp14,
        """
            [Objective]
            public static Tensor Entropies([Axes("pair vocab")] Tensor x, [Axes("pair")] Tensor mask, double low = -0.5) =>
                x.Entropy().Over(mask: mask, scale: 2) + TensorMembers.Between(x, high: 0.5, low: low).mean() + Tensor.Nll(x).sum();
        }

        internal static class TensorMembers
        {
            extension(Tensor x)
            {
                public Tensor Entropy() => -(x.softmax(-1) * x.log_softmax(-1)).sum(-1);

                public Tensor Between(double low, double high) { x = x * 2; return x.clamp(low, high); }

                public Tensor Over(double scale, Tensor mask) => scale * (x * mask).sum() / mask.sum().clamp_min(1);

                public static Tensor Nll(Tensor logits) => -logits.Entropy().neg();
            }
        """, 1, 9));

    [Fact]
    public void Nothing_has_no_variance() => Assert.Empty(Comparison.Differences(
        """
        [Objective]
        public static (Tensor, Tensor, Tensor) Spread([Axes("pair")] Tensor x) => (x.sum(), x.std().detach(), x.var(0, unbiased: true).detach());
        """, 0, 1, 5));

    [Fact]
    public void Whole_numbers_made_real_are_not_half_precision()
    {
        var type = new InMemoryProject([InMemoryProject.Usings +
            """
            public static partial class C
            {
                [Objective]
                public static (Tensor, Tensor, Tensor, Tensor) Ratios([Axes("pair token")] Tensor x, [Axes("pair token")] Tensor mask) => (
                    x / log1p(arange(x.size(1)) + 1.0),
                    (x * mask).sum(1) / (mask.sum(1) + 1e-8),
                    x.sum(1) / mask.sum(1),
                    (x + mask * 0.5).mean());
            }
            """]).Generate().Load().GetType("C")!;
        foreach (var masked in new[] { ScalarType.Bool, ScalarType.Int64, ScalarType.BFloat16 })
            foreach (var dtype in new[] { ScalarType.BFloat16, ScalarType.Float16, ScalarType.Float32, ScalarType.Float64 })
            {
                using var scope = NewDisposeScope();
                object[] inputs = [rand(3, 5).to_type(dtype), (rand(3, 5) > 0.3).to_type(masked)];
                Assert.Equal(DTypes(type), DTypes(type.GetNestedType("Fused")!));

                ScalarType[] DTypes(Type holder)
                {
                    var results = (ITuple)holder.GetMethod("Ratios")!.Invoke(null, inputs)!;
                    return [.. Enumerable.Range(0, results.Length).Select(i => ((Tensor)results[i]!).dtype)];
                }
            }
    }

    [Fact]
    public void Numbers_that_a_mask_or_a_view_gave_dimensions_have_their_own_dtype() => Assert.Empty(Comparison.Differences(
        """
        [Objective]
        public static Tensor Chosen([Axes("pair")] Tensor x, [Axes("pair")] Tensor mask) => (x * where(mask, 1.0, 0.5)).mean();

        [Objective]
        public static Tensor Inserted([Axes("pair")] Tensor x) => x * tensor(0.5).unsqueeze(0);
        """, 1, 5));

    [Fact]
    public void A_mask_that_is_only_counted_says_where_to_look() => Assert.Empty(Comparison.Differences(
        """
        [Objective]
        public static Tensor LastReward([Axes("pair token")] Tensor values, [Axes("pair token")] Tensor mask) =>
            values[arange(values.size(0)), (mask.sum(1) - 1).clamp_min(0)].tanh().sum();

        [Objective]
        public static Tensor LastBefore([Axes("pair token")] Tensor values, [Axes("token pair")] Tensor mask) =>
            values.gather(1, (mask.cumsum(0).T - 1).clamp_min(0)).square().sum(1);
        """, 1, 9));
}
