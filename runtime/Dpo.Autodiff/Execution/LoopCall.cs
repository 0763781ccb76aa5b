using System.Runtime.CompilerServices;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Execution;

/// <summary>Runs a loop kernel on the memory of its arguments: plain memory as it is, other tensors as copies of the kernel's element type.</summary>
internal static unsafe class LoopCall
{

    /// <summary>Runs the kernel. The outputs are new tensors of the compute type, of Int64 or Bool; where it throws there are none.</summary>
    internal static void Run(LoopKernel kernel, in KernelCall call, Span<nint> outputs)
    {
        var few = default(FewHandles);
        var buffers = kernel.Buffers <= FewHandles.Length ? few[..kernel.Buffers] : new nint[kernel.Buffers];
        var arguments = kernel.Arguments;
        var fewCopies = default(FewHandles);
        Span<nint> copies = arguments.Length <= FewHandles.Length ? fewCopies : new nint[arguments.Length];
        var copied = 0;
        try
        {
            // The upstream gradients of all scalars that have none.
            Unsafe.SkipInit(out double scalar);
            if (call.IsDouble)
                scalar = call.AbsentUpstream;
            else
                *(float*)&scalar = (float)call.AbsentUpstream;
            foreach (var argument in arguments)
            {
                var slot = argument.Slot;
                buffers[argument.Buffer] = slot.Role switch
                {
                    SlotRole.Parameter => Input(call, call.Parameters[slot.Index], slot, copies, ref copied),
                    SlotRole.Upstream when call.Upstreams.IsEmpty || call.Upstreams[slot.Index] == 0 => (nint)(&scalar),
                    SlotRole.Upstream => Input(call, call.Upstreams[slot.Index], slot, copies, ref copied),
                    _ => Output(call, slot, outputs),
                };
            }

            var fault = kernel.Launch(call.IsDouble, buffers, call.Extents, call.Scalars, call.Needs);
            if (fault.IsFault)
                throw Fault(kernel, call.Spec, fault);
        }
        catch
        {
            TensorHandle.DisposeAll(outputs);
            throw;
        }
        finally
        {
            TensorHandle.DisposeAll(copies[..copied]);
        }
    }

    private static nint Input(in KernelCall call, nint handle, Slot slot, Span<nint> copies, ref int copied)
    {
        if (handle == 0)
            return 0;
        var dtype = call.DType(slot.Kind);
        if (TensorHandle.DType(handle) != dtype || !TensorHandle.IsPlain(handle))
        {
            handle = TensorHandle.Convert(handle, dtype);
            copies[copied++] = handle;
        }

        var data = TensorHandle.Data(handle);
        if (data == 0 && TensorHandle.Borrow(handle, static tensor => tensor.numel()) != 0)
            throw BindingProblem.Unreadable(call.Spec, call.Spec.Parameters[slot.Role == SlotRole.Parameter ? slot.Index : 0]);
        return data;
    }

    private static nint Output(in KernelCall call, Slot slot, Span<nint> outputs)
    {
        var output = call.Output(slot);
        if (!call.Wants(output))
            return 0;
        var axes = slot.Role == SlotRole.Result ? call.Variant.Results[slot.Index].Extents : call.Spec.Parameters[slot.Index].Axes;
        var few = default(FewSizes);
        var sizes = axes.Length <= FewSizes.Length ? few[..axes.Length] : new long[axes.Length];
        call.Sizes(axes, sizes);
        outputs[output] = TensorHandle.Empty(call.DType(slot.Kind), sizes, out var data);
        return data;
    }

    private static ObjectiveArgumentException Fault(LoopKernel kernel, ObjectiveSpec spec, KernelFault fault)
    {
        foreach (var argument in kernel.Arguments)
        {
            if (argument.Buffer == fault.Buffer && argument.Slot.Role == SlotRole.Parameter)
                return BindingProblem.OutOfRange(spec, spec.Parameters[argument.Slot.Index], fault);
        }

        return BindingProblem.OutOfRange(spec, null, fault);
    }
}
