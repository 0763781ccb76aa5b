using System.Text.Json.Nodes;
using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Native;
using static TorchSharp.torch;
using Size = Dpo.Autodiff.Execution.Size;

namespace Dpo.Autodiff.Testing;

/// <summary>
/// A call for a machine that has a card and no .NET: a line of JSON with kernels, launch plan, inputs, and what eager in float64 makes of
/// them. tests/Dpo.Autodiff.Gpu reads it.
/// </summary>
internal static class CardCall
{
    /// <summary>The first line of an export.</summary>
    internal static string Prelude() => new JsonObject { ["prelude"] = CudaPrelude.Text }.ToJsonString();

    /// <summary>A call as a line.</summary>
    internal static string Line(JsonObject call, KernelText text, string name, ScalarType dtype, long size)
    {
        (call["name"], call["dtype"], call["size"]) = (name, dtype.ToString(), size);
        (call["defines"], call["source"]) = (text.Defines, text.Source);
        return call.ToJsonString();
    }

    /// <summary>What a call needs to run elsewhere.</summary>
    /// <param name="program">What is called.</param>
    /// <param name="call">With what.</param>
    /// <param name="results">What eager makes of it, by number.</param>
    /// <param name="gradients">The gradients, by parameter.</param>
    internal static JsonObject Of(CudaProgram program, in KernelCall call, Func<int, double[]> results, Func<string, double[]?> gradients)
    {
        var buffers = new JsonArray();
        foreach (var buffer in program.Buffers)
            buffers.Add(Buffer(buffer, call, results, gradients));
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

    private static JsonObject Buffer(CudaBuffer buffer, in KernelCall call, Func<int, double[]> results, Func<string, double[]?> gradients)
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
                (result["type"], result["expected"]) = (Type(call.FinalType(slot)), Values(results(slot.Index)));
                break;
            case SlotRole.Gradient:
                var name = call.Spec.Parameters[slot.Index].Name;
                result["gradient"] = System.Array.IndexOf(call.Variant.Gradients, slot.Index);
                (result["type"], result["expected"]) = (Type(call.FinalType(slot)), gradients(name) is { } gradient ? Values(gradient) : null);
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

    private static string Values(double[] values) => Convert.ToBase64String(values.SelectMany(BitConverter.GetBytes).ToArray());

    // Infinities and NaN are no numbers of JSON.
    private static string Text(double value) => value.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
}
