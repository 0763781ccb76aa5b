using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Objectives.Tests.Catalogue;
using Dpo.Autodiff.Objectives.Tests.Harness;
using Dpo.Autodiff.Testing;
using static TorchSharp.torch;
using Backend = Dpo.Autodiff.Objectives.Tests.Harness.Backend;

namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>How a call of an objective is made.</summary>
internal sealed record CudaUse(string Objective, Dictionary<string, object?> Configuration, ScalarType DType, Backend Backend, bool IsPrecomputed)
{
    public override string ToString() => $"{Objective} ({Backend}, {DType}{(IsPrecomputed ? "" : ", gradients in the backward")}), {CatalogueTests.Text(Configuration)}";
}

/// <summary>All calls of the catalogue's objectives that lead to different kernels, and the texts that each of them loads.</summary>
[CollectionDefinition(Collection)]
public sealed class CudaCatalogue : ICollectionFixture<CudaCatalogue>
{
    internal const string Collection = "CUDA kernels of the catalogue";

    private static readonly Dictionary<string, ObjectiveUnderTest> Objectives = ObjectiveUnderTest.AllOf(typeof(Preference).Assembly).ToDictionary(o => o.Name);

    private readonly Dictionary<CudaUse, KernelText[]> texts = [];

    public CudaCatalogue()
    {
        foreach (var objective in Objectives.Values)
            foreach (var configuration in Draw.Configurations(objective))
                foreach (var dtype in new[] { ScalarType.Float64, ScalarType.Float32, ScalarType.BFloat16 })
                    foreach (var backend in new[] { Backend.Fused, Backend.WithGrad })
                        foreach (var isPrecomputed in backend == Backend.Fused ? new[] { true, false } : [true])
                            Record(new(objective.Name, configuration, dtype, backend, isPrecomputed));
    }

    internal IReadOnlyDictionary<CudaUse, KernelText[]> Texts => texts;

    /// <summary>Runs an objective on a device, as a use says.</summary>
    internal static Outcome Run(ICudaDevice device, CudaUse use, Dictionary<string, object?> arguments)
    {
        var objective = Objective(use.Objective);
        var most = ObjectiveRun.MostPrecomputed;
        (CudaDevices.Emulated, ObjectiveRun.MostPrecomputed) = (device, use.IsPrecomputed ? most : -1);
        try
        {
            return objective.Run(use.Backend, arguments, CatalogueTests.Differentiated(objective, arguments));
        }
        finally
        {
            (CudaDevices.Emulated, ObjectiveRun.MostPrecomputed) = (null, most);
        }
    }

    /// <summary>A use's configuration as text.</summary>
    internal static string Name(CudaUse use) => CatalogueTests.Text(use.Configuration);

    internal static ObjectiveUnderTest Objective(string name) => Objectives[name];

    internal static Dictionary<string, object?> Arguments(CudaUse use, int seed, long size, long? row = null) =>
        CatalogueTests.Cast(new Draw(seed, size, Magnitude.Usual) { Row = row }.Arguments(Objective(use.Objective), use.Configuration), use.DType);

    private void Record(CudaUse use)
    {
        using var scope = NewDisposeScope();
        var recorder = new RecordingDevice();
        Run(recorder, use, Arguments(use, 1, 7));
        if (recorder.Texts.Count > 0)
            texts[use] = [.. recorder.Texts];
    }
}
