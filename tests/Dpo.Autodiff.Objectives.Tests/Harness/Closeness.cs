using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Harness;

/// <summary>The tolerances of the design, in the max-norm of each tensor.</summary>
internal static class Closeness
{
    /// <summary>float64: 1e-10 of the scale. Where eager is not finite, the other may be.</summary>
    /// <param name="what">What is compared, for the message.</param>
    /// <param name="eager">The oracle; null is a gradient that nothing contributes to.</param>
    /// <param name="actual">What is tested.</param>
    /// <param name="scale">The largest intermediate of the eager run.</param>
    /// <param name="rescues">Whether values that eager loses (overflow) may be finite.</param>
    public static void Exact(string what, Tensor? eager, Tensor? actual, double scale, bool rescues)
    {
        var (expected, values) = Pair(what, eager, actual);
        for (var i = 0; i < expected.Length; i++)
        {
            if (double.IsFinite(expected[i]))
                Assert.True(Math.Abs(values[i] - expected[i]) <= 1e-10 * scale, $"{what}[{i}] is {values[i]:R}, not {expected[i]:R} (scale {scale:G3}).");
            else if (!rescues)
                Assert.True(values[i].Equals(expected[i]), $"{what}[{i}] is {values[i]:R}, not {expected[i]:R}.");
        }
    }

    /// <summary>float32: the error against float64 is at most 1.5 times eager's, or 4 units in the last place of the scale.</summary>
    public static void Single(string what, Tensor? truth, Tensor? eager, Tensor? actual, double scale)
    {
        var (expected, values) = Pair(what, truth, actual);
        var (_, theirs) = Pair(what, truth, eager);
        var allowed = Math.Max(1.5 * Error(expected, theirs), 4 * Math.Pow(2, -23) * scale);
        var error = Error(expected, values);
        Assert.True(error <= allowed, $"{what} is off by {error:G3}, of which {allowed:G3} is allowed (scale {scale:G3}).");
    }

    /// <summary>bfloat16: eager in float32 on the upcast inputs, rounded once.</summary>
    public static void Half(string what, Tensor? eager, Tensor? actual)
    {
        var (expected, values) = Pair(what, eager, actual);
        var allowed = Math.Pow(2, -8) * expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        var error = Error(expected, values);
        Assert.True(error <= 1.01 * allowed, $"{what} is off by {error:G3}, of which {allowed:G3} is allowed.");
    }

    /// <summary>The largest finite magnitude among inputs and results.</summary>
    public static double Scale(IEnumerable<object?> arguments, Outcome outcome) =>
        arguments.OfType<Tensor>().Concat(outcome.Results.Values).Concat(outcome.Gradients.Values.OfType<Tensor>())
            .SelectMany(Doubles).Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(1).Max();

    public static double[] Doubles(Tensor tensor) =>
        // TorchSharp 0.107 cannot enumerate a tensor without elements.
        tensor.numel() == 0 ? [] : tensor.detach().to_type(ScalarType.Float64).contiguous().data<double>().ToArray();

    private static double Error(double[] expected, double[] values) =>
        expected.Zip(values, (e, v) => double.IsFinite(e) ? double.IsNaN(v) ? double.PositiveInfinity : Math.Abs(e - v) : 0).DefaultIfEmpty(0).Max();

    private static (double[] Expected, double[] Values) Pair(string what, Tensor? expected, Tensor? actual)
    {
        if (expected is null && actual is null)
            return ([], []);
        if (expected is not null && actual is not null)
            Assert.True(expected.shape.SequenceEqual(actual.shape), $"{what} is of shape [{string.Join(" ", actual.shape)}], not [{string.Join(" ", expected.shape)}].");
        var shown = Doubles((actual ?? expected)!);
        return (expected is null ? new double[shown.Length] : Doubles(expected), actual is null ? new double[shown.Length] : Doubles(actual));
    }
}
