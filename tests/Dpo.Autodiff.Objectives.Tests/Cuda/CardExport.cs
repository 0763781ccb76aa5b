using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Native;
using Dpo.Autodiff.Objectives.Tests.Harness;
using Dpo.Autodiff.Testing;
using static TorchSharp.torch;
using Backend = Dpo.Autodiff.Objectives.Tests.Harness.Backend;
using Size = Dpo.Autodiff.Execution.Size;

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
        writer.WriteLine(new JsonObject { ["prelude"] = CudaPrelude.Text }.ToJsonString());
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
        CudaCall.Observer = (CudaProgram program, in KernelCall call) => calls.Add(Call(program, call, truth));
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
        var text = recorder.Texts.Single();
        (calls[0]["name"], calls[0]["dtype"], calls[0]["size"]) = ($"{use.Objective}({CudaCatalogue.Name(use)})", use.DType.ToString(), size);
        (calls[0]["defines"], calls[0]["source"]) = (text.Defines, text.Source);
        writer.WriteLine(calls[0].ToJsonString(new JsonSerializerOptions { WriteIndented = false }));
    }

    private static JsonObject Call(CudaProgram program, in KernelCall call, Outcome truth)
    {
        var buffers = new JsonArray();
        foreach (var buffer in program.Buffers)
            buffers.Add(Buffer(buffer, call, truth));
        return new()
        {
            ["extents"] = Array(call.Extents.ToArray()),
            ["scalars"] = new JsonArray([.. call.Scalars.ToArray().Select(s => (JsonNode)Text(s))]),
            ["needs"] = call.Needs,
            ["absentUpstream"] = call.AbsentUpstream,
            ["isDouble"] = call.IsDouble,
            ["buffers"] = buffers,
            ["workspaces"] = new JsonArray([.. program.Workspaces.Select(w => (JsonNode)new JsonObject { ["launch"] = w.Launch, ["kind"] = w.Kind.ToString(), ["extents"] = Sizes(w.Extents) })]),
            ["steps"] = new JsonArray([.. program.Steps.Select(Step)]),
        };
    }

    private static JsonObject Buffer(CudaBuffer buffer, in KernelCall call, Outcome truth)
    {
        var result = new JsonObject { ["name"] = buffer.Name, ["kind"] = buffer.Kind.ToString(), ["extents"] = Sizes(buffer.Extents), ["role"] = "Workspace" };
        if (buffer.Slot is not { } slot)
            return result;
        result["role"] = slot.Role.ToString();
        var own = call.DType(buffer.Kind);
        switch (slot.Role)
        {
            case SlotRole.Parameter:
            case SlotRole.Upstream:
                var handle = slot.Role == SlotRole.Parameter ? call.Parameters[slot.Index] : call.Upstreams.IsEmpty ? 0 : call.Upstreams[slot.Index];
                if (handle == 0)
                    break;
                var tensor = Tensor.UnsafeCreateTensor(TensorHandle.Alias(handle)).detach();
                tensor = tensor.to(buffer.IsStored ? tensor.dtype : own).contiguous();
                (result["type"], result["data"]) = (tensor.dtype.ToString(), Convert.ToBase64String(tensor.bytes));
                break;
            case SlotRole.Result:
                (result["type"], result["expected"]) = (Type(call.FinalType(slot)), Values(truth.Results.Values.ElementAt(slot.Index)));
                break;
            case SlotRole.Gradient:
                var name = call.Spec.Parameters[slot.Index].Name;
                result["gradient"] = System.Array.IndexOf(call.Variant.Gradients, slot.Index);
                (result["type"], result["expected"]) = (Type(call.FinalType(slot)), truth.Gradients.GetValueOrDefault(name) is { } gradient ? Values(gradient) : null);
                break;
        }

        return result;

        string Type(ScalarType final) => (buffer.IsStored && final is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64 ? final : own).ToString();
    }

    private static JsonObject Step(CudaStep step) => step switch
    {
        CudaLaunch launch => new()
        {
            ["kernel"] = launch.Kernel,
            ["grid"] = launch.Grid.ToString(),
            ["items"] = Sizes(launch.Items),
            ["row"] = Sizes(launch.Row),
            ["arguments"] = string.Join(' ', launch.Arguments.Select(a => $"{a.Kind}{a.Id}")),
            ["gradients"] = launch.Gradients,
        },
        CudaContract contract => new()
        {
            ["contract"] = contract.Equation,
            ["buffers"] = Array([contract.Buffers.Left, contract.Buffers.Right, contract.Buffers.Result]),
            ["gradients"] = contract.Gradients,
        },
        CudaSort sort => new()
        {
            ["sort"] = sort.IsDescending,
            ["buffers"] = Array([sort.Buffers.Source, sort.Buffers.Values, sort.Buffers.Permutation]),
            ["gradients"] = sort.Gradients,
        },
        _ => throw new InvalidOperationException("There is no other step."),
    };

    private static JsonArray Sizes(Size[] sizes) =>
        new([.. sizes.Select(s => (JsonNode)new JsonObject { ["constant"] = s.Constant, ["terms"] = new JsonArray([.. s.Terms.Select(t => (JsonNode)Array([t.Axis, t.Coefficient]))]) })]);

    private static JsonArray Array(long[] values) => new([.. values.Select(v => (JsonNode)v)]);

    private static string Values(Tensor tensor) => Convert.ToBase64String(Closeness.Doubles(tensor).SelectMany(BitConverter.GetBytes).ToArray());

    // Infinities and NaN are no numbers of JSON.
    private static string Text(double value) => value.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
}
