using Dpo.Autodiff.Native;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>Runs a kernel as TorchSharp calls. None of its temporaries survives it.</summary>
internal static class TorchCall
{
    /// <summary>Runs the kernel. The outputs are new tensors of the compute type, of Int64 or Bool.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="call">Its arguments.</param>
    /// <param name="isRecorded">Whether autograd records what it does.</param>
    /// <param name="outputs">Receives results, then gradients.</param>
    internal static void Run(TorchKernel kernel, in KernelCall call, bool isRecorded, Span<nint> outputs)
    {
        using var scope = NewDisposeScope();
        using var mode = set_grad_enabled(isRecorded);
        var device = Device(call.Parameters);
        var inputs = new Tensor[kernel.Inputs.Length];
        for (var i = 0; i < inputs.Length; i++)
            inputs[i] = Input(call, kernel.Inputs[i], device);
        var made = kernel.Run(inputs, call.Extents, call.Scalars, call.Needs);
        for (var i = 0; i < kernel.Outputs.Length; i++)
        {
            var slot = kernel.Outputs[i];
            var output = call.Output(slot);
            if (!call.Wants(output))
                continue;
            var tensor = made[i] ?? throw new InvalidOperationException($"{call.Spec.Name}: output {i} was not computed.");

            // An input that is handed through, or one tensor as two outputs, must not be shared with the caller.
            tensor = tensor.to(call.DType(slot.Kind));
            var isShared = Contains(inputs, made[i]) || Contains(made.AsSpan(0, i), made[i]);
            tensor = isShared ? tensor.clone() : tensor.contiguous();
            outputs[output] = TensorHandle.Release(tensor.alias());
        }
    }

    // By reference: equality of tensors compares their elements.
    private static bool Contains(ReadOnlySpan<Tensor> tensors, Tensor tensor)
    {
        foreach (var other in tensors)
        {
            if (ReferenceEquals(other, tensor))
                return true;
        }

        return false;
    }

    private static Tensor Input(in KernelCall call, Slot slot, Device device)
    {
        if (call.IsAbsentScalar(slot))
            return tensor(call.AbsentUpstream, call.DType(slot.Kind), device);
        var isUpstream = slot.Role == SlotRole.Upstream;
        var handle = isUpstream ? call.Upstreams[slot.Index] : call.Parameters[slot.Index];
        if (handle != 0)
        {
            var given = Tensor.UnsafeCreateTensor(TensorHandle.Alias(handle)).to(call.DType(slot.Kind));
            return !isUpstream && call.Spec.Parameters[slot.Index].IsNoGrad ? given.detach() : given;
        }

        return zeros(0, call.DType(slot.Kind), device);
    }

    private static Device Device(ReadOnlySpan<nint> parameters)
    {
        foreach (var handle in parameters)
        {
            if (handle != 0)
                return TensorHandle.Borrow(handle, static tensor => tensor.device);
        }

        return CPU;
    }
}
