using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <summary>Given the number of tokens of the whole batch, the losses of its parts sum up to its loss, and their gradients are its own.</summary>
public class NormaliserTests
{
    /// <summary>What they leave out, or weigh otherwise, depends on all tokens.</summary>
    private static readonly string[] OfTheWhole = ["TokenPolicyGradient.ClipCov", "TokenPolicyGradient.KlCov"];

    public static TheoryData<string> Objectives => new(ObjectiveUnderTest.AllOf(typeof(Preference).Assembly)
        .Where(o => o.TensorParameters.Any(p => p.Name == "normaliser") && !o.Name.StartsWith("PreferenceFromLogits", StringComparison.Ordinal) && !OfTheWhole.Contains(o.Name))
        .Select(o => o.Name));

    [Theory]
    [MemberData(nameof(Objectives))]
    public void PartsMakeTheWhole(string name)
    {
        var objective = ObjectiveUnderTest.AllOf(typeof(Preference).Assembly).Single(o => o.Name == name);
        foreach (var configuration in Draw.Configurations(objective).Where(c => !c.TryGetValue("normaliser", out var given) || given is not null))
            foreach (var backend in Enum.GetValues<Backend>())
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                using var scope = NewDisposeScope();
                var arguments = new Draw(8, 7, Magnitude.Usual).Arguments(objective, configuration);
                var differentiated = objective.Differentiable.Where(p => arguments.GetValueOrDefault(p) is Tensor { dtype: ScalarType.Float64 }).ToArray();
                var whole = objective.Run(Backend.Eager, arguments, differentiated);
                var parts = new[] { (0, 3), (3, 7) }.Select(part => objective.Run(backend, Rows(arguments, part.Item1, part.Item2), differentiated)).ToArray();
                var scale = Closeness.Scale(arguments.Values, whole);
                Closeness.Exact($"{name}, {backend}: loss", whole.Loss, parts[0].Loss + parts[1].Loss, scale, rescues: false);
                foreach (var (parameter, gradient) in whole.Gradients)
                    Closeness.Exact($"{name}, {backend}: gradient of {parameter}", gradient, cat(parts.Select(p => p.Gradients[parameter]!).ToArray(), 0), scale, rescues: false);
            }
    }

    private static Dictionary<string, object?> Rows(Dictionary<string, object?> arguments, int start, int end) =>
        arguments.ToDictionary(a => a.Key, a => a.Value is Tensor t && t.dim() > 0 ? t[start..end] : a.Value);
}
