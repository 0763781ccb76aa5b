using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <summary>What stands at tokens that do not count is not looked at: neither labels out of range nor logits that are not numbers.</summary>
public class MaskTests
{
    private static readonly string[] Masks = ["isToken", "isCompletion", "isChosen", "isRejected", "isGold", "isStep"];

    public static TheoryData<string> Objectives => new(ObjectiveUnderTest.AllOf(typeof(Preference).Assembly)
        .Where(o => o.TensorParameters.Any(p => Masks.Contains(p.Name))).Select(o => o.Name));

    [Theory]
    [MemberData(nameof(Objectives))]
    public void ItPoisonsNothing(string name)
    {
        var objective = ObjectiveUnderTest.AllOf(typeof(Preference).Assembly).Single(o => o.Name == name);
        foreach (var configuration in Draw.Configurations(objective, c => c.GetValueOrDefault("isText") is null))
            foreach (var backend in new[] { Backend.Fused, Backend.WithGrad })
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                using var scope = NewDisposeScope();
                var clean = new Draw(7, 7, Magnitude.Usual).Arguments(objective, configuration);
                var spoilt = clean.ToDictionary(a => a.Key, a => a.Value is Tensor t ? Spoil(clean, a.Key, t) : a.Value);
                var differentiated = objective.Differentiable.Where(p => clean.GetValueOrDefault(p) is Tensor { dtype: ScalarType.Float64 }).ToArray();
                var expected = objective.Run(Backend.Eager, clean, differentiated);
                var actual = objective.Run(backend, spoilt, differentiated);
                var scale = Closeness.Scale(clean.Values, expected);
                foreach (var (result, value) in expected.Results)
                    Closeness.Exact($"{name}, {backend}: {result}", value, actual.Results[result], scale, rescues: false);
                foreach (var (parameter, value) in expected.Gradients)
                    Closeness.Exact($"{name}, {backend}: gradient of {parameter}", value, actual.Gradients[parameter], scale, rescues: false);
            }
    }

    /// <summary>The tensor with NaN, infinities or an absurd label wherever the mask of its own tokens is false.</summary>
    private static Tensor Spoil(Dictionary<string, object?> arguments, string name, Tensor tensor)
    {
        var mask = Masks.Where(m => arguments.ContainsKey(m)).Select(m => (Tensor)arguments[m]!)
            .FirstOrDefault(m => tensor.dim() >= m.dim() && m.shape.SequenceEqual(tensor.shape.Take((int)m.dim())));
        if (mask is null || tensor.dtype == ScalarType.Bool || name is "sequence")
            return tensor;
        if (tensor.dtype == ScalarType.Int64)
            return where(tensor.dim() > mask.dim() ? mask.unsqueeze(-1) : mask, tensor, full_like(tensor, name.Length % 2 == 0 ? -100 : long.MaxValue / 2));
        var spoils = stack([full_like(tensor, double.NaN), full_like(tensor, double.PositiveInfinity), full_like(tensor, double.NegativeInfinity)], 0);
        var kind = (arange(tensor.numel()) % 3).view([1, .. tensor.shape]);
        var spoil = spoils.gather(0, kind).squeeze(0);
        return where(tensor.dim() > mask.dim() ? mask.unsqueeze(-1) : mask, tensor, spoil);
    }
}
