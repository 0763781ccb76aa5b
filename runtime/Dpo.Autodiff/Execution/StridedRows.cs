using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Execution;

/// <summary>Large tensors whose rows are whole but lie apart (the logits of all tokens but the last) are read where they are.</summary>
internal static unsafe class StridedRows
{
    // Smaller ones are copied sooner than each of their rows is found.
    private const long LeastElements = 1 << 16;
    private const long LeastInRow = 64;

    /// <summary>Describes a tensor in the workspace of the calling thread, until its next kernel has run.</summary>
    internal static bool TryDescribe(nint handle, StorageType storage, out KernelBuffer buffer)
    {
        buffer = default;
        if (TensorHandle.IsPlain(handle) || TensorHandle.IsNegated(handle))
            return false;
        var last = TensorHandle.Dimensions(handle) - 1;
        if (last < 1 || TensorHandle.Stride(handle, last) != 1 || TensorHandle.Size(handle, last) < LeastInRow || GradientScale.Elements(handle) < LeastElements)
            return false;

        // The public way to an address is through a view in one piece.
        if (!TensorHandle.UsesExports)
            return false;
        var tensor = new StridedTensor(TensorHandle.Data(handle), storage);
        for (var axis = 0; axis <= last; axis++)
        {
            if (!tensor.TryAdd(TensorHandle.Size(handle, axis), TensorHandle.Stride(handle, axis)))
                return false;
        }

        var place = (StridedTensor*)Workspace.Current.Take(sizeof(StridedTensor));
        *place = tensor;
        buffer = new((nint)place, StorageType.Strided);
        return true;
    }
}
