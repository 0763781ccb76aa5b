using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>Tensors by their numbers.</summary>
internal static class Values
{
    internal static double[] Of(Tensor? tensor)
    {
        using var scope = NewDisposeScope();
        return tensor!.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();
    }

    /// <summary>Within a tolerance of the largest value.</summary>
    internal static void Near(Tensor? expected, Tensor? found, double tolerance = 2e-6)
    {
        Assert.NotNull(expected);
        Assert.NotNull(found);
        Assert.Equal(expected.shape, found.shape);
        Near(Of(expected), Of(found), tolerance);
    }

    internal static void Near(double[] expected, double[] found, double tolerance = 2e-6)
    {
        Assert.Equal(expected.Length, found.Length);
        var scale = expected.Select(Math.Abs).Append(1e-3).Max();
        for (var i = 0; i < expected.Length; i++)
            Assert.True(expected[i].Equals(found[i]) || Math.Abs(expected[i] - found[i]) <= tolerance * scale, $"[{i}]: {expected[i]} expected, {found[i]} found");
    }
}
