using System.IO.Compression;
using System.Text.Json.Nodes;
using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Objectives.Tests.Harness;
using Dpo.Autodiff.Testing;
using static TorchSharp.torch;
using Backend = Dpo.Autodiff.Objectives.Tests.Harness.Backend;

namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>
/// The catalogue for a machine that has a card and no .NET: a line of JSON for each call, with kernels, launch plan, inputs, and what
/// eager in float64 (in float32 for bfloat16) makes of them.
/// </summary>
internal static class CardExport
{
    internal static void Write(string file)
    {
        using var stream = new GZipStream(File.Create(file), CompressionLevel.Optimal);
        using var writer = new StreamWriter(stream);
        writer.WriteLine(CardCall.Prelude());
        foreach (var objective in ObjectiveUnderTest.AllOf(typeof(Preference).Assembly))
        {
            var isFirst = true;
            foreach (var configuration in Draw.Configurations(objective))
            {
                foreach (var dtype in new[] { ScalarType.Float64, ScalarType.Float32, ScalarType.BFloat16 })
                    foreach (var size in isFirst ? new long[] { 7, 64, 3 } : [7])
                        Write(writer, new(objective.Name, configuration, dtype, Backend.WithGrad, true), size);
                isFirst = false;
            }
        }
    }

    private static void Write(TextWriter writer, CudaUse use, long size)
    {
        using var scope = NewDisposeScope();
        var arguments = CudaCatalogue.Arguments(use, 9, size);
        var truth = new CudaOracle(use, arguments).Truth;
        var recorder = new RecordingDevice();
        var calls = new List<JsonObject>();
        CudaCall.Observer = (CudaProgram program, in KernelCall call) => calls.Add(CardCall.Of(
            program,
            call,
            i => Closeness.Doubles(truth.Results.Values.ElementAt(i)),
            name => truth.Gradients.GetValueOrDefault(name) is { } gradient ? Closeness.Doubles(gradient) : null));
        try
        {
            CudaCatalogue.Run(recorder, use, arguments);
        }
        finally
        {
            CudaCall.Observer = null;
        }

        if (calls.Count != 1 || recorder.Texts.Count != 1)
            return;
        writer.WriteLine(CardCall.Line(calls[0], recorder.Texts.Single(), $"{use.Objective}({CudaCatalogue.Name(use)})", use.DType, size));
    }
}
