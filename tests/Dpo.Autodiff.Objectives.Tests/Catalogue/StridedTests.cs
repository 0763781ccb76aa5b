using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <summary>Large tensors whose rows lie apart give what their copies in one piece give, to the bit.</summary>
public class StridedTests
{
    public static TheoryData<ScalarType> DTypes => [ScalarType.Float32, ScalarType.Float64, ScalarType.BFloat16, ScalarType.Float16];

    [Theory]
    [MemberData(nameof(DTypes))]
    public void SlicesTransposesAndExpansions(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var whole = randn(4, 66, 513).to(dtype);
        var views = new Dictionary<string, Tensor>
        {
            ["all tokens but the last"] = whole[TensorIndex.Ellipsis, ..^1, TensorIndex.Colon],
            ["a part of the vocabulary"] = whole[TensorIndex.Ellipsis, 1..],
            ["every second token"] = whole[TensorIndex.Colon, TensorIndex.Slice(null, null, 2)],
            ["transposed"] = whole.transpose(0, 1),
            ["expanded"] = whole[.., ..1].expand(4, 40, 513),
            ["shared by all"] = whole[0, 0].expand(4, 40, 513),
        };
        foreach (var (what, view) in views)
        {
            Assert.False(view.is_contiguous());
            var (rows, tokens, vocab) = (view.shape[0], view.shape[1], view.shape[2]);
            var labels = randint(0, vocab, [rows, tokens]);
            var weight = rand(rows, tokens);
            Same(what, nameof(Mixtures.Weighted), "logits", view, new() { ["labels"] = labels, ["weight"] = weight });
            Same(what, nameof(Mixtures.Gathered), "logits", view, new() { ["labels"] = labels });
        }

        Same("a table", nameof(Mixtures.Divergence), "reference", whole[2].expand(66, 513), new() { ["logits"] = whole[0] });
        Same("a table", nameof(Mixtures.Divergence), "logits", randn(600, 300).to(dtype)[.., 20..], new() { ["reference"] = randn(600, 280) });
    }

    private static void Same(string what, string name, string parameter, Tensor view, Dictionary<string, object?> others)
    {
        var objective = ObjectiveUnderTest.Of(typeof(Mixtures), name);
        var differentiated = objective.Differentiable.Where(p => p == parameter).ToArray();
        foreach (var backend in new[] { Backend.Fused, Backend.WithGrad })
        {
            using var scope = NewDisposeScope();
            var expected = objective.Run(backend, new Dictionary<string, object?>(others) { [parameter] = view.contiguous() }, differentiated);
            var actual = objective.Run(backend, new Dictionary<string, object?>(others) { [parameter] = view }, differentiated);
            foreach (var (result, value) in expected.Results)
                Assert.True(Closeness.Doubles(value).SequenceEqual(Closeness.Doubles(actual.Results[result])), $"{name} of {what} ({view.dtype}): {result}");
            foreach (var (p, value) in expected.Gradients)
                Assert.True(Closeness.Doubles(value!).SequenceEqual(Closeness.Doubles(actual.Gradients[p]!)), $"{name} of {what} ({view.dtype}): gradient of {p}");
        }
    }
}
