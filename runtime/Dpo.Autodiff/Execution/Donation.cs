using Dpo.Autodiff.Native;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>Gradients that are written over the tensors that they are of, where the user gives those away (<see cref="DonatedAttribute"/>).</summary>
internal static class Donation
{
    /// <summary>The gradients for which this is possible: bit k for gradient k.</summary>
    /// <param name="spec">The objective.</param>
    /// <param name="variant">Its kernels.</param>
    /// <param name="parameters">The handle of each parameter's tensor.</param>
    /// <param name="needs">The gradients that are wanted.</param>
    /// <param name="isDouble">Whether the compute type is double.</param>
    /// <param name="allowsLeaves">Whether a leaf may be given: not where autograd still needs its value.</param>
    internal static ulong Of(ObjectiveSpec spec, ObjectiveVariant variant, ReadOnlySpan<nint> parameters, ulong needs, bool isDouble, bool allowsLeaves)
    {
        var donations = variant.Gradient.Donations & needs;
        if (donations == 0 || spec.IsChecked || KernelCall.UsesTorch(variant, parameters))
            return 0;
        var computeType = isDouble ? ScalarType.Float64 : ScalarType.Float32;
        for (var k = 0; k < variant.Gradients.Length; k++)
        {
            var handle = parameters[variant.Gradients[k]];
            if ((donations & (1UL << k)) != 0 && !(handle != 0 && IsOwn(handle, allowsLeaves) && (TensorHandle.DType(handle) == computeType || IsStored(variant, variant.Gradients[k])) && IsApart(handle, parameters, variant.Gradients[k])))
                donations &= ~(1UL << k);
        }

        return donations;
    }

    /// <summary>Whether an output is written over its parameter.</summary>
    internal static bool IsOf(in KernelCall call, int output) => (call.Donated & (1UL << (output - call.Variant.Results.Length))) != 0;

    /// <summary>Tells autograd that the tensors have been written over: who needs their values then gets an error.</summary>
    internal static void Complete(in KernelCall call)
    {
        if (call.Donated == 0)
            return;
        using var mode = no_grad();
        for (var k = 0; k < call.Variant.Gradients.Length; k++)
        {
            if ((call.Donated & (1UL << k)) == 0)
                continue;

            // Nothing in place on nothing counts as a change.
            TensorHandle.Borrow(call.Parameters[call.Variant.Gradients[k]], static tensor => tensor.narrow(0, 0, 0).zero_().numel());
        }
    }

    // Whether the kernel reads the tensor and writes the gradient in the tensor's own dtype.
    private static bool IsStored(ObjectiveVariant variant, int parameter)
    {
        foreach (var argument in variant.Gradient.Arguments)
        {
            if (argument.Slot is { Role: SlotRole.Parameter or SlotRole.Gradient, Kind: ElementKind.Real } slot && slot.Index == parameter && !argument.IsStored)
                return false;
        }

        return true;
    }

    private static bool IsOwn(nint handle, bool allowsLeaves) =>
        DTypePromotion.IsFloating(TensorHandle.DType(handle)) && TensorHandle.IsPlain(handle) && TensorHandle.Dimensions(handle) > 0 && TensorHandle.RequiresGrad(handle)
        && (allowsLeaves || !TensorHandle.Borrow(handle, static tensor => tensor.is_leaf));

    // Its elements are its own, one after the other; another tensor's may lie among them.
    private static bool IsApart(nint handle, ReadOnlySpan<nint> parameters, int own)
    {
        var (first, end) = TensorHandle.Range(handle);
        for (var i = 0; i < parameters.Length; i++)
        {
            if (i == own || parameters[i] == 0)
                continue;
            var (otherFirst, otherEnd) = TensorHandle.Range(parameters[i]);
            if (otherFirst < end && first < otherEnd)
                return false;
        }

        return true;
    }
}
