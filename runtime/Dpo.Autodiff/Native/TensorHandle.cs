using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Native;

/// <summary>
/// What kernels need to know of a tensor, by its native handle: through the library's exports where they are known, through TorchSharp's
/// public members elsewhere. The caller keeps the tensor alive.
/// </summary>
internal static unsafe class TensorHandle
{
    private const long SmallBytes = 16 << 10;

    /// <summary>Whether the exports are used. Tests turn it off to take the public route.</summary>
    internal static bool UsesExports { get; set; } = TorchExports.AreKnown;

    internal static ScalarType DType(nint handle) =>
        UsesExports ? (ScalarType)TorchExports.DType(handle) : Borrow(handle, static tensor => tensor.dtype);

    internal static int Dimensions(nint handle) =>
        UsesExports ? (int)TorchExports.Dimensions(handle) : Borrow(handle, static tensor => (int)tensor.dim());

    internal static long Size(nint handle, int axis) =>
        UsesExports ? TorchExports.Size(handle, axis) : Borrow(handle, static tensor => tensor.shape)[axis];

    internal static long Stride(nint handle, int axis) =>
        UsesExports ? TorchExports.Stride(handle, axis) : Borrow(handle, static tensor => tensor.stride())[axis];

    internal static (int Type, int Index) Device(nint handle) => UsesExports
        ? (TorchExports.DeviceType(handle), TorchExports.DeviceIndex(handle))
        : Borrow(handle, static tensor => ((int)tensor.device_type, tensor.device_index));

    internal static bool IsSparse(nint handle) =>
        UsesExports ? TorchExports.IsSparse(handle) != 0 : Borrow(handle, static tensor => tensor.is_sparse);

    /// <summary>Whether the memory holds the elements themselves, in order.</summary>
    internal static bool IsPlain(nint handle) => UsesExports
        ? TorchExports.IsContiguous(handle) != 0 && TorchExports.IsNegated(handle) == 0
        : Borrow(handle, static tensor => tensor.is_contiguous() && !tensor.is_neg());

    /// <summary>Whether the memory holds the elements themselves, not negated ones.</summary>
    internal static bool IsNegated(nint handle) =>
        UsesExports ? TorchExports.IsNegated(handle) != 0 : Borrow(handle, static tensor => tensor.is_neg());

    internal static bool RequiresGrad(nint handle) =>
        UsesExports ? TorchExports.RequiresGrad(handle) != 0 : Borrow(handle, static tensor => tensor.requires_grad);

    /// <summary>Whether operations are recorded for autograd.</summary>
    internal static bool IsRecording => UsesExports
        ? TorchExports.IsGradEnabled() != 0 && TorchExports.IsInferenceMode() == 0
        : is_grad_enabled() && !is_inference_mode_enabled();

    /// <summary>The address of the first element: of a view's, not of its storage's.</summary>
    internal static nint Data(nint handle) =>
        UsesExports ? TorchExports.Data(handle) : Borrow(handle, FirstElement);

    /// <summary>A new tensor in the machine's own memory, not initialised.</summary>
    /// <param name="dtype">A real dtype.</param>
    /// <param name="sizes">Its sizes.</param>
    /// <param name="data">Receives the address of its first element.</param>
    internal static nint Empty(ScalarType dtype, ReadOnlySpan<long> sizes, out nint data)
    {
        if (!UsesExports)
        {
            var made = Release(empty(sizes, dtype, CPU));
            data = Data(made);
            return made;
        }

        var bytes = ElementSize(dtype);
        foreach (var size in sizes)
            bytes *= size;
        nint handle;

        // An empty span has no address, but the library reads none then either.
        fixed (long* first = sizes)
        {
            if (bytes <= SmallBytes && TorchExports.Free != 0)
            {
                // libtorch's own allocator aligns to cache lines, at several times the cost.
                data = (nint)NativeMemory.Alloc((nuint)bytes);
                handle = FromMemory(data, TorchExports.Free, first, sizes.Length, dtype);
            }
            else if (bytes >= LargeMemory.Least)
            {
                data = LargeMemory.Allocate(bytes);
                handle = FromMemory(data, LargeMemory.Deleter, first, sizes.Length, dtype);
            }
            else
            {
                handle = TorchExports.Empty(first, sizes.Length, (sbyte)dtype, (int)TorchSharp.DeviceType.CPU, -1, 0);
                data = handle == 0 ? 0 : TorchExports.Data(handle);
            }
        }

        return handle != 0 ? handle : throw LastError();
    }

    /// <summary>A new tensor on a device, not initialised.</summary>
    internal static nint Empty(ScalarType dtype, ReadOnlySpan<long> sizes, (int Type, int Index) device)
    {
        if (device.Type == (int)TorchSharp.DeviceType.CPU)
            return Empty(dtype, sizes, out _);
        if (!UsesExports)
            return Release(empty(sizes, dtype, new Device((TorchSharp.DeviceType)device.Type, device.Index)));
        fixed (long* first = sizes)
        {
            var handle = TorchExports.Empty(first, sizes.Length, (sbyte)dtype, device.Type, device.Index, 0);
            return handle != 0 ? handle : throw LastError();
        }
    }

    /// <summary>
    /// A tensor of contiguous memory that is not its own and outlives it; where the exports are not used, of a copy of it.
    /// </summary>
    internal static nint View(nint data, ReadOnlySpan<long> sizes, ScalarType dtype)
    {
        if (!UsesExports)
        {
            var copy = Empty(dtype, sizes, out var target);
            var bytes = ElementSize(dtype);
            foreach (var size in sizes)
                bytes *= size;
            Buffer.MemoryCopy((void*)data, (void*)target, bytes, bytes);
            return copy;
        }

        fixed (long* first = sizes)
        {
            var handle = FromMemory(data, (nint)(delegate* unmanaged<nint, void>)&Keep, first, sizes.Length, dtype);
            return handle != 0 ? handle : throw LastError();
        }
    }

    // Its owner gives the memory back.
    [UnmanagedCallersOnly]
    private static void Keep(nint data)
    {
    }

    /// <summary>A new tensor of another's dtype, sizes and device whose memory nobody means to touch.</summary>
    internal static nint Untouched(nint like)
    {
        var few = new long[Dimensions(like)];
        for (var axis = 0; axis < few.Length; axis++)
            few[axis] = Size(like, axis);
        var (type, index) = Device(like);
        fixed (long* sizes = few)
        {
            var handle = TorchExports.Empty(sizes, few.Length, (sbyte)DType(like), type, index, 0);
            return handle != 0 ? handle : throw LastError();
        }
    }

    /// <summary>Another handle of the same tensor.</summary>
    internal static nint Alias(nint handle)
    {
        if (!UsesExports)
            return Borrow(handle, static tensor => Release(tensor.alias()));
        var alias = TorchExports.Alias(handle);
        return alias != 0 ? alias : throw LastError();
    }

    /// <summary>A handle of the same memory, without history.</summary>
    internal static nint Detached(nint handle) => Borrow(handle, static tensor => Release(tensor.detach()));

    /// <summary>The addresses of a tensor's first element, and after its last in memory.</summary>
    internal static (long First, long End) Range(nint handle)
    {
        var (first, reach) = ((long)Data(handle), 1L);
        for (var axis = 0; axis < Dimensions(handle); axis++)
        {
            if (Size(handle, axis) == 0)
                return (first, first);
            reach += (Size(handle, axis) - 1) * Stride(handle, axis);
        }

        return (first, first + (reach * ElementSize(DType(handle))));
    }

    /// <summary>A tensor of a dtype whose memory holds the elements themselves, in order; not recorded for autograd.</summary>
    internal static nint Convert(nint handle, ScalarType dtype)
    {
        using var mode = no_grad();
        if (!UsesExports || Device(handle).Type != (int)TorchSharp.DeviceType.CPU)
            return Borrow(handle, tensor => Release(tensor.resolve_neg().to(dtype).contiguous().alias()));
        var sizes = new long[Dimensions(handle)];
        for (var axis = 0; axis < sizes.Length; axis++)
            sizes[axis] = Size(handle, axis);
        var copy = Empty(dtype, sizes, out _);
        try
        {
            return Borrow(handle, tensor => Borrow(copy, target => Release(target.copy_(tensor).alias())));
        }
        finally
        {
            Dispose(copy);
        }
    }

    /// <summary>The tensor in another dtype, not recorded for autograd; its first handle is given up.</summary>
    internal static nint Cast(nint handle, ScalarType dtype)
    {
        if (DType(handle) == dtype)
            return handle;
        var cast = Convert(handle, dtype);
        Dispose(handle);
        return cast;
    }

    /// <summary>The tensor in another dtype, recorded for autograd; its first handle is given up.</summary>
    internal static nint CastRecorded(nint handle, ScalarType dtype)
    {
        if (DType(handle) == dtype)
            return handle;
        var cast = Borrow(handle, tensor => Release(tensor.to(dtype)));
        Dispose(handle);
        return cast;
    }

    /// <summary>Gives up a handle; 0 is none.</summary>
    internal static void Dispose(nint handle)
    {
        if (handle == 0)
            return;
        if (UsesExports)
        {
            TorchExports.Dispose(handle);
            return;
        }

        using var scope = NewDisposeScope();
        Tensor.UnsafeCreateTensor(handle).Dispose();
    }

    /// <summary>Gives up handles, and forgets them.</summary>
    /// <remarks>For <c>catch</c> and <c>finally</c>: a loop there keeps its method out of the just-in-time compiler's last tier.</remarks>
    internal static void DisposeAll(Span<nint> handles)
    {
        foreach (ref var handle in handles)
        {
            var given = handle;
            handle = 0;
            Dispose(given);
        }
    }

    /// <summary>Takes the handle out of a tensor, which is invalid afterwards.</summary>
    internal static nint Release(Tensor tensor)
    {
        tensor.DetachFromDisposeScope();
        return tensor.DecoupleFromNativeHandle();
    }

    /// <summary>Asks the tensor of a handle something, without taking the handle.</summary>
    internal static TAnswer Borrow<TAnswer>(nint handle, Func<Tensor, TAnswer> ask)
    {
        using var scope = NewDisposeScope();
        var tensor = Tensor.UnsafeCreateTensor(handle);
        try
        {
            return ask(tensor);
        }
        finally
        {
            Release(tensor);
        }
    }

    private static nint FromMemory(nint data, nint deleter, long* sizes, int rank, ScalarType dtype) =>
        TorchExports.FromMemory(data, deleter, sizes, rank, (sbyte)dtype, (sbyte)dtype, (int)TorchSharp.DeviceType.CPU, -1, 0);

    private static long ElementSize(ScalarType dtype) => dtype switch
    {
        ScalarType.Float64 or ScalarType.Int64 => 8,
        ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Int16 => 2,
        ScalarType.Bool or ScalarType.Byte or ScalarType.Int8 => 1,
        _ => 4,
    };

    // Of a view of one element: a span cannot reach over more than 2 GB.
    private static nint FirstElement(Tensor tensor)
    {
        if (tensor.numel() == 0)
            return 0;
        return (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.view(-1).narrow(0, 0, 1).bytes));
    }

    /// <summary>What the native library says went wrong last on this thread, as TorchSharp would throw it.</summary>
    internal static ExternalException LastError()
    {
        var text = TorchExports.LastError();
        return new(text == 0 ? "The native library reports no reason." : Marshal.PtrToStringUTF8(text));
    }
}
