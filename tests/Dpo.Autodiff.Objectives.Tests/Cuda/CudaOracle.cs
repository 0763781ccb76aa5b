using Dpo.Autodiff.Objectives.Tests.Catalogue;
using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;
using Backend = Dpo.Autodiff.Objectives.Tests.Harness.Backend;

namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>What eager makes of the arguments of a use.</summary>
internal sealed class CudaOracle
{
    private readonly ScalarType dtype;
    private readonly Outcome truth;
    private readonly Outcome? eager;
    private readonly double scale;

    internal CudaOracle(CudaUse use, Dictionary<string, object?> arguments)
    {
        dtype = use.DType;
        var objective = CudaCatalogue.Objective(use.Objective);
        var wide = CatalogueTests.Cast(arguments, dtype == ScalarType.BFloat16 ? ScalarType.Float32 : ScalarType.Float64);
        truth = objective.Run(Backend.Eager, wide, CatalogueTests.Differentiated(objective, wide));
        scale = Closeness.Scale(wide.Values, truth);
        eager = dtype == ScalarType.Float32 ? objective.Run(Backend.Eager, arguments, CatalogueTests.Differentiated(objective, arguments)) : null;
    }

    internal Outcome Truth => truth;

    /// <summary>Where a run differs: null, or the first difference.</summary>
    internal string? Difference(Func<Outcome> run)
    {
        try
        {
            var actual = run();
            foreach (var (result, value) in truth.Results)
                Compare(result, value, eager?.Results[result], actual.Results[result]);
            foreach (var (parameter, value) in truth.Gradients)
                Compare("gradient of " + parameter, value, eager?.Gradients[parameter], actual.Gradients[parameter]);
            return null;
        }
        catch (Exception exception) when (exception is Xunit.Sdk.XunitException or InvalidOperationException or ArgumentException)
        {
            return exception.Message;
        }
    }

    private void Compare(string what, Tensor? expected, Tensor? theirs, Tensor? actual)
    {
        if (dtype == ScalarType.Float32)
            Closeness.Single(what, expected, theirs, actual, scale);
        else if (dtype == ScalarType.BFloat16)
            Closeness.Half(what, expected, actual);
        else
            Closeness.Exact(what, expected, actual, scale, rescues: false);
    }
}
