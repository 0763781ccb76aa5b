using System.Runtime.CompilerServices;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Native;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>Runs a loop kernel on the memory of its arguments: plain memory as it is, of any dtype where the kernel asks for none; other tensors as copies of the kernel's element type.</summary>
internal static unsafe class LoopCall
{
    /// <summary>Runs the kernel. The outputs are new tensors of the caller's dtype, the compute type, Int64 or Bool; where it throws there are none.</summary>
    internal static void Run(LoopKernel kernel, in KernelCall call, Span<nint> outputs)
    {
        var few = default(FewBuffers);
        var buffers = kernel.Buffers <= FewHandles.Length ? few[..kernel.Buffers] : new KernelBuffer[kernel.Buffers];
        var arguments = kernel.Arguments;
        var fewCopies = default(FewHandles);
        Span<nint> copies = arguments.Length <= FewHandles.Length ? fewCopies : new nint[arguments.Length];
        var copied = 0;
        try
        {
            // What stands for all scalars that are not given.
            Unsafe.SkipInit(out double scalar);
            call.WriteAbsentUpstream(&scalar);
            foreach (var argument in arguments)
            {
                var slot = argument.Slot;
                buffers[argument.Buffer] = slot.Role switch
                {
                    _ when call.IsAbsentScalar(slot) => (nint)(&scalar),
                    SlotRole.Parameter => Input(call, call.Parameters[slot.Index], argument, copies, ref copied),
                    SlotRole.Upstream => Input(call, call.Upstreams[slot.Index], argument, copies, ref copied),
                    SlotRole.Residual when call.Role == KernelRole.Gradient => TensorHandle.Data(call.Residuals[slot.Index]),
                    _ => Output(call, argument, outputs),
                };
            }

            var fault = kernel.Launch(call.IsDouble, buffers, call.Extents, call.Scalars, call.Needs);
            if (fault.IsFault)
                throw Fault(kernel, call, fault);
            Donation.Complete(call);
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

    /// <summary>The memory of an argument that is read; strided rows only where the kernel may be told of them.</summary>
    internal static KernelBuffer Input(in KernelCall call, nint handle, KernelArgument argument, Span<nint> copies, ref int copied, bool mayStride = true)
    {
        if (handle == 0)
            return 0;
        var slot = argument.Slot;
        var own = call.DType(slot.Kind);
        var dtype = TensorHandle.DType(handle);
        if (mayStride && argument.IsStored && slot.Kind == ElementKind.Real && StridedRows.TryDescribe(handle, Storage(dtype), out var rows))
            return rows;
        if (!TensorHandle.IsPlain(handle) || (dtype != own && !argument.IsStored))
        {
            handle = TensorHandle.Convert(handle, argument.IsStored ? dtype : own);
            copies[copied++] = handle;
        }

        var data = TensorHandle.Data(handle);
        if (data == 0 && TensorHandle.Borrow(handle, static tensor => tensor.numel()) != 0)
            throw BindingProblem.Unreadable(call.Spec, call.Spec.Parameters[slot.Role == SlotRole.Parameter ? slot.Index : 0]);
        return new(data, argument.IsStored && dtype != own ? Storage(dtype) : StorageType.Own);
    }

    /// <summary>The memory of an argument that is written: of a new tensor, or a donated one; none where it is not wanted.</summary>
    internal static KernelBuffer Output(in KernelCall call, KernelArgument argument, Span<nint> outputs)
    {
        var slot = argument.Slot;
        var output = call.Output(slot);
        if (!call.Wants(output))
            return 0;
        if (slot.Role == SlotRole.Gradient && Donation.IsOf(call, output))
        {
            var donated = TensorHandle.DType(call.Parameters[slot.Index]);
            outputs[output] = TensorHandle.Detached(call.Parameters[slot.Index]);
            return new(TensorHandle.Data(call.Parameters[slot.Index]), donated == call.ComputeType ? StorageType.Own : Storage(donated));
        }

        var axes = slot.Role switch
        {
            SlotRole.Result => call.Variant.Results[slot.Index].Extents,
            SlotRole.Gradient => call.Spec.Parameters[slot.Index].Axes,
            _ => call.Variant.Residuals[slot.Index].Extents,
        };
        var few = default(FewSizes);
        var sizes = axes.Length <= FewSizes.Length ? few[..axes.Length] : new long[axes.Length];
        call.Sizes(axes, sizes);
        var own = call.DType(slot.Kind);
        var dtype = argument.IsStored && (slot.Role == SlotRole.Result || call.HasFinalGradients) ? call.FinalType(slot) : own;
        if (!DTypePromotion.IsFloating(dtype))
            dtype = own;
        outputs[output] = TensorHandle.Empty(dtype, sizes, out var data);
        return new(data, dtype == own ? StorageType.Own : Storage(dtype));
    }

    private static StorageType Storage(ScalarType dtype) => dtype switch
    {
        ScalarType.BFloat16 => StorageType.BFloat16,
        ScalarType.Float16 => StorageType.Float16,
        ScalarType.Float32 => StorageType.Float32,
        ScalarType.Float64 => StorageType.Float64,
        ScalarType.Int64 => StorageType.Int64,
        ScalarType.Int32 => StorageType.Int32,
        ScalarType.Int16 => StorageType.Int16,
        ScalarType.Int8 => StorageType.Int8,
        _ => StorageType.Byte,
    };

    /// <summary>What to throw for an index that is out of range.</summary>
    internal static ObjectiveArgumentException Fault(LoopKernel kernel, in KernelCall call, KernelFault fault)
    {
        foreach (var argument in kernel.Arguments)
        {
            if (argument.Buffer == fault.Buffer && argument.Slot.Role == SlotRole.Parameter)
                return BindingProblem.OutOfRange(call.Spec, call.Spec.Parameters[argument.Slot.Index], Position(call.Parameters[argument.Slot.Index], fault.Index), fault);
        }

        return BindingProblem.OutOfRange(call.Spec, null, [], fault);
    }

    private static long[] Position(nint handle, long index) => TensorHandle.Borrow(handle, tensor =>
    {
        using var scope = NewDisposeScope();
        var places = tensor.eq(index).nonzero();
        return places.shape[0] == 0 ? [] : places[0].data<long>().ToArray();
    });
}
