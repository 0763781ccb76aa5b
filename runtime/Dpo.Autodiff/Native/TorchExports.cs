using System.Runtime.InteropServices;
using TorchSharp;

namespace Dpo.Autodiff.Native;

/// <summary>Entry points of TorchSharp's native library that are called directly, because its public members cost many times more.</summary>
/// <remarks>
/// They are no official interface: all of them are used, or, where one is missing or TorchSharp is of another version than they were
/// read from, none, and the public members take their place. Those that only read a field skip the garbage collector's transition.
/// </remarks>
internal static unsafe class TorchExports
{
    internal static readonly bool AreKnown;

    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, nint> Data;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, sbyte> DType;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, long> Dimensions;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, long, long> Size;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, long, long> Stride;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, int> DeviceType;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, int> DeviceIndex;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, byte> IsContiguous;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, byte> IsSparse;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, long> IsNegated;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<nint, byte> RequiresGrad;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<byte> IsGradEnabled;
    internal static readonly delegate* unmanaged[SuppressGCTransition]<byte> IsInferenceMode;
    internal static readonly delegate* unmanaged<nint, void> Dispose;
    internal static readonly delegate* unmanaged<nint, nint> Alias;
    internal static readonly delegate* unmanaged<long*, int, sbyte, int, int, byte, nint> Empty;
    internal static readonly delegate* unmanaged<nint, nint, long*, int, sbyte, sbyte, int, int, byte, nint> FromMemory;
    internal static readonly delegate* unmanaged<nint> LastError;

    /// <summary>The C library's <c>free</c>, which gives memory back that <see cref="NativeMemory.Alloc(nuint)"/> gave; 0 where it is not known.</summary>
    internal static readonly nint Free;

    // The autograd node: see the remarks of AutogradNode.
    internal static readonly delegate* unmanaged<nint, nint, NodePointers> NodeCreate;
    internal static readonly delegate* unmanaged<NodePointers, void> NodeDisposeShared;
    internal static readonly delegate* unmanaged<NodePointers, void> NodeDisposeWeak;
    internal static readonly delegate* unmanaged<NodePointers, TensorArray, byte, void> NodeSetNextEdges;
    internal static readonly delegate* unmanaged<NodePointers, void> NodeClearInputMetadata;
    internal static readonly delegate* unmanaged<TensorArray, TensorArray, TensorArray, TensorArray, NodePointers, delegate* unmanaged<nuint, nint*>, void> WrapOutputs;
    internal static readonly delegate* unmanaged<nint, NodePointers, byte, nint> Save;
    internal static readonly delegate* unmanaged<nint, NodePointers, nint> Unpack;
    internal static readonly delegate* unmanaged<nint, void> DisposeSaved;

    static TorchExports()
    {
        var assembly = typeof(torch).Assembly;
        if (assembly.GetName().Version is not { Major: 0, Minor: 107 } || !Environment.Is64BitProcess)
            return;
        if (!NativeLibrary.TryLoad("LibTorchSharp", assembly, null, out var library))
            return;
        var exports = new LibraryExports(library);
        Data = (delegate* unmanaged[SuppressGCTransition]<nint, nint>)exports["THSTensor_data"];
        DType = (delegate* unmanaged[SuppressGCTransition]<nint, sbyte>)exports["THSTensor_type"];
        Dimensions = (delegate* unmanaged[SuppressGCTransition]<nint, long>)exports["THSTensor_ndimension"];
        Size = (delegate* unmanaged[SuppressGCTransition]<nint, long, long>)exports["THSTensor_size"];
        Stride = (delegate* unmanaged[SuppressGCTransition]<nint, long, long>)exports["THSTensor_stride"];
        DeviceType = (delegate* unmanaged[SuppressGCTransition]<nint, int>)exports["THSTensor_device_type"];
        DeviceIndex = (delegate* unmanaged[SuppressGCTransition]<nint, int>)exports["THSTensor_device_index"];
        IsContiguous = (delegate* unmanaged[SuppressGCTransition]<nint, byte>)exports["THSTensor_is_contiguous"];
        IsSparse = (delegate* unmanaged[SuppressGCTransition]<nint, byte>)exports["THSTensor_is_sparse"];
        IsNegated = (delegate* unmanaged[SuppressGCTransition]<nint, long>)exports["THSTensor_is_neg"];
        RequiresGrad = (delegate* unmanaged[SuppressGCTransition]<nint, byte>)exports["THSTensor_requires_grad"];
        IsGradEnabled = (delegate* unmanaged[SuppressGCTransition]<byte>)exports["THSAutograd_isGradEnabled"];
        IsInferenceMode = (delegate* unmanaged[SuppressGCTransition]<byte>)exports["THSAutograd_isInferenceModeEnabled"];
        Dispose = (delegate* unmanaged<nint, void>)exports["THSTensor_dispose"];
        Alias = (delegate* unmanaged<nint, nint>)exports["THSTensor_alias"];
        Empty = (delegate* unmanaged<long*, int, sbyte, int, int, byte, nint>)exports["THSTensor_empty"];
        FromMemory = (delegate* unmanaged<nint, nint, long*, int, sbyte, sbyte, int, int, byte, nint>)exports["THSTensor_new"];
        Free = !OperatingSystem.IsWindows() && NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "free", out var free) ? free : 0;
        LastError = (delegate* unmanaged<nint>)exports["THSTorch_get_and_reset_last_err"];
        NodeCreate = (delegate* unmanaged<nint, nint, NodePointers>)exports["THSAutograd_CSharpNode_ctor"];
        NodeDisposeShared = (delegate* unmanaged<NodePointers, void>)exports["THSAutograd_CSharpNode_disposeSharedPtr"];
        NodeDisposeWeak = (delegate* unmanaged<NodePointers, void>)exports["THSAutograd_CSharpNode_disposeWeakPtr"];
        NodeSetNextEdges = (delegate* unmanaged<NodePointers, TensorArray, byte, void>)exports["THSAutograd_CSharpNode_setNextEdges"];
        NodeClearInputMetadata = (delegate* unmanaged<NodePointers, void>)exports["THSAutograd_CSharpNode_clearInputMetadata"];
        WrapOutputs = (delegate* unmanaged<TensorArray, TensorArray, TensorArray, TensorArray, NodePointers, delegate* unmanaged<nuint, nint*>, void>)exports["THSAutograd_Function_wrapOutputs"];
        Save = (delegate* unmanaged<nint, NodePointers, byte, nint>)exports["THSAutograd_SavedVariable_ctor"];
        Unpack = (delegate* unmanaged<nint, NodePointers, nint>)exports["THSAutograd_SavedVariable_unpack"];
        DisposeSaved = (delegate* unmanaged<nint, void>)exports["THSAutograd_SavedVariable_dispose"];
        AreKnown = exports.Missing is null;
    }
}

/// <summary>The native library's pair of a shared and a weak pointer to a node.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NodePointers
{
    internal nint Shared;
    internal nint Weak;
}

/// <summary>The native library's array of tensors.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TensorArray(nint* tensors, long count)
{
    internal nint* Tensors = tensors;
    internal long Count = count;
}
