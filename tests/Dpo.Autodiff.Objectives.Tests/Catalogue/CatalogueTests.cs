using System.Reflection;
using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <summary>Every objective of the catalogue in every configuration: what is generated against the method as written.</summary>
public class CatalogueTests
{
    private static readonly Assembly Catalogue = typeof(Preference).Assembly;

    private static readonly long[] Sizes = [0, 1, 7, 64, 1000];

    public static TheoryData<string, Backend> Objectives
    {
        get
        {
            var data = new TheoryData<string, Backend>();
            foreach (var objective in ObjectiveUnderTest.AllOf(Catalogue))
            {
                data.Add(objective.Name, Backend.Fused);
                data.Add(objective.Name, Backend.WithGrad);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void DoublesAgreeToTenDigits(string name, Backend backend) => ForEach(name, backend, (objective, configuration, size) =>
    {
        var arguments = new Draw(1, size, Magnitude.Usual).Arguments(objective, configuration);
        var (eager, fused) = Both(objective, backend, arguments);
        var scale = Closeness.Scale(arguments.Values, eager);
        Compare(eager, fused, (what, e, f) => Closeness.Exact(what, e, f, scale, rescues: false));
    });

    [Theory]
    [MemberData(nameof(Objectives))]
    public void SinglesAreAsGoodAsEager(string name, Backend backend) => ForEach(name, backend, (objective, configuration, size) =>
    {
        var singles = Cast(new Draw(2, size, Magnitude.Usual).Arguments(objective, configuration), ScalarType.Float32);
        var doubles = Cast(singles, ScalarType.Float64);
        var truth = objective.Run(Backend.Eager, doubles, Differentiated(objective, doubles));
        var (eager, fused) = Both(objective, backend, singles);
        var scale = Closeness.Scale(doubles.Values, truth);
        foreach (var (result, value) in truth.Results)
        {
            Closeness.Single(result, value, eager.Results[result], fused.Results[result], scale);
            Assert.Equal(eager.Results[result].dtype, fused.Results[result].dtype);
        }

        foreach (var (parameter, value) in truth.Gradients)
            Closeness.Single("gradient of " + parameter, value, eager.Gradients[parameter], fused.Gradients[parameter], scale);
    });

    [Theory]
    [MemberData(nameof(Objectives))]
    public void HalvesAreRoundedOnce(string name, Backend backend) => ForEach(name, backend, (objective, configuration, size) =>
    {
        var halves = Cast(new Draw(3, size, Magnitude.Usual).Arguments(objective, configuration), ScalarType.BFloat16);
        var singles = Cast(halves, ScalarType.Float32);
        var eager = objective.Run(Backend.Eager, singles, Differentiated(objective, singles));
        var fused = objective.Run(backend, halves, Differentiated(objective, halves));
        Compare(eager, fused, Closeness.Half);
        foreach (var (parameter, gradient) in fused.Gradients)
            Assert.True(gradient is null || gradient.dtype == ScalarType.BFloat16, $"The gradient of {parameter} is {gradient?.dtype}.");
    });

    [Theory]
    [MemberData(nameof(Objectives))]
    public void StridedTensorsGiveTheSame(string name, Backend backend) => ForEach(name, backend, (objective, configuration, size) =>
    {
        var arguments = new Draw(4, size, Magnitude.Usual).Arguments(objective, configuration);
        var strided = arguments.ToDictionary(a => a.Key, a => a.Value is Tensor t && t.dim() > 0 ? Strided(t) : a.Value);
        var eager = objective.Run(Backend.Eager, arguments, Differentiated(objective, arguments));
        var fused = objective.Run(backend, strided, Differentiated(objective, strided));
        var scale = Closeness.Scale(arguments.Values, eager);
        Compare(eager, fused, (what, e, f) => Closeness.Exact(what, e, f, scale, rescues: false));
    });

    [Theory]
    [MemberData(nameof(Objectives))]
    public void ExtremeValuesAgreeWhereEagerIsFinite(string name, Backend backend) => ForEach(name, backend, (objective, configuration, size) =>
    {
        var arguments = new Draw(6, size, Magnitude.Extreme).Arguments(objective, configuration);
        var (eager, fused) = Both(objective, backend, arguments);
        var scale = Closeness.Scale(arguments.Values, eager);
        Compare(eager, fused, (what, e, f) => Closeness.Exact(what, e, f, scale, rescues: true));
    });

    public static TheoryData<string> WithRows =>
        new(ObjectiveUnderTest.AllOf(Catalogue).Where(o => o.Info.Plan.Contains("kernel ValueAndResiduals", StringComparison.Ordinal)).Select(o => o.Name));

    [Theory]
    [MemberData(nameof(WithRows))]
    public void GradientsThatTheBackwardComputesAgree(string name)
    {
        var most = Execution.ObjectiveRun.MostPrecomputed;
        Execution.ObjectiveRun.MostPrecomputed = -1;
        try
        {
            DoublesAgreeToTenDigits(name, Backend.Fused);
        }
        finally
        {
            Execution.ObjectiveRun.MostPrecomputed = most;
        }
    }

    [Fact]
    public void NothingOfTheSizeOfLogitsIsKept()
    {
        foreach (var objective in ObjectiveUnderTest.AllOf(Catalogue).Where(o => o.Info.Axes.Contains("vocab")))
            foreach (var line in objective.Info.Plan.Split('\n').Where(l => l.EndsWith(" workspace", StringComparison.Ordinal) || l.EndsWith(" residual", StringComparison.Ordinal)))
            {
                var axes = line[(line.IndexOf('[', StringComparison.Ordinal) + 1)..line.IndexOf(']', StringComparison.Ordinal)].Split(' ');
                Assert.False(axes.Length > 1 && axes.Contains("vocab"), $"{objective.Name}: {line}");
            }
    }

    private static void ForEach(string name, Backend backend, Action<ObjectiveUnderTest, Dictionary<string, object?>, long> check)
    {
        var objective = ObjectiveUnderTest.AllOf(Catalogue).Single(o => o.Name == name);
        foreach (var configuration in Draw.Configurations(objective))
            foreach (var size in Sizes)
            {
                // Garbage between checks and not during: a temporary Scalar of TorchSharp's may be freed while it is read.
                GC.Collect();
                GC.WaitForPendingFinalizers();
                using var scope = NewDisposeScope();
                try
                {
                    check(objective, configuration, size);
                }
                catch (Exception exception) when (exception is not OutOfMemoryException)
                {
                    throw new InvalidOperationException($"{name} ({backend}), size {size}, {Text(configuration)}: {exception.Message}", exception);
                }
            }
    }

    internal static (Outcome Eager, Outcome Other) Both(ObjectiveUnderTest objective, Backend backend, Dictionary<string, object?> arguments)
    {
        var differentiated = Differentiated(objective, arguments);
        return (objective.Run(Backend.Eager, arguments, differentiated), objective.Run(backend, arguments, differentiated));
    }

    internal static string[] Differentiated(ObjectiveUnderTest objective, Dictionary<string, object?> arguments) =>
        objective.Differentiable.Where(p => arguments.GetValueOrDefault(p) is Tensor { dtype: ScalarType.Float64 or ScalarType.Float32 or ScalarType.BFloat16 }).ToArray();

    internal static void Compare(Outcome expected, Outcome actual, Action<string, Tensor?, Tensor?> compare)
    {
        foreach (var (result, value) in expected.Results)
            compare(result, value, actual.Results[result]);
        foreach (var (parameter, value) in expected.Gradients)
            compare("gradient of " + parameter, value, actual.Gradients[parameter]);
    }

    internal static Dictionary<string, object?> Cast(Dictionary<string, object?> arguments, ScalarType dtype) => arguments.ToDictionary(
        a => a.Key, a => a.Value is Tensor { dtype: ScalarType.Float64 or ScalarType.Float32 or ScalarType.BFloat16 } t ? t.to_type(dtype) : a.Value);

    /// <summary>The same values with other strides: every third element of a longer last axis, and the axes laid out in reverse.</summary>
    private static Tensor Strided(Tensor tensor)
    {
        var axes = Enumerable.Range(0, (int)tensor.dim()).Select(i => (long)i).Reverse().ToArray();
        var reversed = stack([tensor, zeros_like(tensor), ones_like(tensor)], -1).permute([.. axes, tensor.dim()]).contiguous();
        return reversed[TensorIndex.Ellipsis, 0].permute(axes);
    }

    internal static string Text(Dictionary<string, object?> configuration) =>
        string.Join(", ", configuration.Select(c => c.Key + " = " + (c.Value ?? "null")));
}
