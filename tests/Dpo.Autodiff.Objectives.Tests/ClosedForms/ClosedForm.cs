using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>Compares every backend with values computed without torch.</summary>
internal static class ClosedForm
{
    private const double Tolerance = 1e-12;

    /// <summary>Checks results and gradients (flat) of an objective.</summary>
    public static void Check(
        Type type, string name, Dictionary<string, object?> arguments, Dictionary<string, double[]> results, Dictionary<string, double[]> gradients)
    {
        var objective = ObjectiveUnderTest.Of(type, name);
        foreach (var backend in Enum.GetValues<Backend>())
        {
            using var scope = NewDisposeScope();
            var outcome = objective.Run(backend, arguments, gradients.Keys);
            foreach (var (result, expected) in results)
                Compare($"{objective}, {backend}: {result}", expected, outcome.Results[result]);
            foreach (var (parameter, expected) in gradients)
                Compare($"{objective}, {backend}: gradient of {parameter}", expected, outcome.Gradients[parameter]);
        }
    }

    public static Tensor Doubles(params double[] values) => tensor(values, float64);

    public static Tensor Table(int columns, double[] values) => tensor(values, [values.Length / columns, columns], float64);

    private static void Compare(string what, double[] expected, Tensor? actual)
    {
        var values = actual is null ? new double[expected.Length] : actual.detach().contiguous().data<double>().ToArray();
        Assert.True(values.Length == expected.Length, $"{what} has {values.Length} elements, not {expected.Length}.");
        var scale = Math.Max(1e-3, expected.Max(Math.Abs));
        for (var i = 0; i < values.Length; i++)
            Assert.True(Math.Abs(values[i] - expected[i]) <= Tolerance * scale, $"{what}[{i}] is {values[i]:R}, not {expected[i]:R}.");
    }
}
