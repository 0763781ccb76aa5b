using System.Reflection;
using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <summary>Given the number of tokens or pairs of the whole batch, the losses of its parts sum up to its loss, and their gradients are its own.</summary>
public class NormaliserTests
{
    /// <summary>What they leave out, sort, or weigh otherwise, depends on the whole batch; without padding no part of it is a few rows.</summary>
    private static readonly string[] OfTheWhole =
        ["TokenPolicyGradient.ClipCov", "TokenPolicyGradient.KlCov", "Preference.Aot", "Preference.AotUnpaired", "Packed.Dpo"];

    /// <summary>They are sums over games, or give no loss.</summary>
    private static readonly string[] WithoutMean =
        ["BradleyTerry.Wins", "BradleyTerry.Games", "BradleyTerry.Davidson", "BradleyTerry.RaoKupper", "Thurstone.CaseFive", "Tokens.Select", "Tokens.Score", "Packed.Score"];

    private static IEnumerable<ObjectiveUnderTest> All => ObjectiveUnderTest.AllOf(typeof(Preference).Assembly);

    public static TheoryData<string> Objectives => new(All.Where(o => o.TensorParameters.Any(p => p.Name == "normaliser") && !OfTheWhole.Contains(o.Name)).Select(o => o.Name));

    [Fact]
    public void EveryMeanTakesANumber() =>
        Assert.Equal(WithoutMean.Order(), All.Where(o => o.TensorParameters.All(p => p.Name != "normaliser")).Select(o => o.Name).Order());

    [Theory]
    [MemberData(nameof(Objectives))]
    public void PartsMakeTheWhole(string name)
    {
        var objective = All.Single(o => o.Name == name);
        foreach (var configuration in Draw.Configurations(objective, c => c.All(choice => choice.Value is not null || !IsOfTheWhole(choice.Key))))
            foreach (var backend in Enum.GetValues<Backend>())
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                using var scope = NewDisposeScope();
                var arguments = new Draw(8, 7, Magnitude.Usual).Arguments(objective, configuration);
                var differentiated = objective.Differentiable.Where(p => arguments.GetValueOrDefault(p) is Tensor { dtype: ScalarType.Float64 } t && t.dim() > 0).ToArray();
                var whole = objective.Run(Backend.Eager, arguments, differentiated);
                var parts = new[] { (0, 3), (3, 7) }.Select(part => objective.Run(backend, Rows(objective, arguments, part.Item1, part.Item2), differentiated)).ToArray();
                var scale = Closeness.Scale(arguments.Values, whole);
                // What is added once, whatever the batch, is in both parts.
                var once = arguments.GetValueOrDefault("nll") is Tensor nll ? (double)objective.Parameters.Select(p => p.Name == "alpha" ? p.DefaultValue : null).FirstOrDefault(v => v is not null, 1.0)! * nll.item<double>() : 0;
                Closeness.Exact($"{name}, {backend}: loss", whole.Loss, parts[0].Loss + parts[1].Loss - once, scale, rescues: false);
                foreach (var (parameter, gradient) in whole.Gradients)
                    Closeness.Exact($"{name}, {backend}: gradient of {parameter}", gradient, Whole(objective, parameter, parts.Select(p => p.Gradients[parameter]!).ToArray()), scale, rescues: false);
            }
    }

    // A divergence of the whole batch is given to its parts, as the number is.
    private static bool IsOfTheWhole(string parameter) => parameter is "normaliser" or "pairNormaliser" or "kl";

    private static bool IsInHalves(ObjectiveUnderTest objective, string parameter) =>
        objective.TensorParameters.FirstOrDefault(p => p.Name == parameter)?.GetCustomAttribute<AxesAttribute>()!.Axes.StartsWith("2*", StringComparison.Ordinal) == true;

    private static Dictionary<string, object?> Rows(ObjectiveUnderTest objective, Dictionary<string, object?> arguments, int start, int end) =>
        arguments.ToDictionary(a => a.Key, a => a.Value is not Tensor t || t.dim() == 0 ? a.Value
            : IsInHalves(objective, a.Key) ? cat([t[start..end], t[(start + 7)..(end + 7)]], 0)
            : t[start..end]);

    private static Tensor Whole(ObjectiveUnderTest objective, string parameter, Tensor[] parts)
    {
        if (!IsInHalves(objective, parameter))
            return cat(parts, 0);
        var halves = parts.Select(p => p.chunk(2, 0)).ToArray();
        return cat([.. halves.Select(h => h[0]), .. halves.Select(h => h[1])], 0);
    }
}
