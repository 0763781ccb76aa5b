using System.Numerics;
using System.Runtime.InteropServices;
using Dpo.Autodiff.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>Gradients that the forward computed, times the upstream gradient of a scalar.</summary>
internal static unsafe class GradientScale
{
    /// <summary>The number of elements.</summary>
    internal static long Elements(nint handle)
    {
        var elements = 1L;
        for (var axis = TensorHandle.Dimensions(handle) - 1; axis >= 0; axis--)
            elements *= TensorHandle.Size(handle, axis);
        return elements;
    }

    /// <summary>The product, in new memory.</summary>
    internal static nint Scaled(nint gradient, nint upstream)
    {
        if (!TryRead(upstream, out var factor) || TensorHandle.Device(gradient).Type != (int)DeviceType.CPU)
            return Multiplied(gradient, upstream);
        var rank = TensorHandle.Dimensions(gradient);
        Span<long> sizes = stackalloc long[rank];
        for (var axis = 0; axis < rank; axis++)
            sizes[axis] = TensorHandle.Size(gradient, axis);
        var dtype = TensorHandle.DType(gradient);
        var product = TensorHandle.Empty(dtype, sizes);
        var elements = checked((int)Elements(gradient));
        if (dtype == ScalarType.Float64)
            Multiply<double>(TensorHandle.Data(gradient), factor, TensorHandle.Data(product), elements);
        else
            Multiply<float>(TensorHandle.Data(gradient), (float)factor, TensorHandle.Data(product), elements);
        return product;
    }

    /// <summary>The product, over the gradient, whose handle is returned.</summary>
    internal static nint ScaleInPlace(nint gradient, nint upstream)
    {
        if (TryRead(upstream, out var factor) && factor == 1)
            return gradient;
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var tensor = Tensor.UnsafeCreateTensor(gradient);
        tensor.mul_(Tensor.UnsafeCreateTensor(TensorHandle.Alias(upstream)).to(tensor.dtype));
        return TensorHandle.Release(tensor);
    }

    private static nint Multiplied(nint gradient, nint upstream)
    {
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var tensor = Tensor.UnsafeCreateTensor(TensorHandle.Alias(gradient));
        return TensorHandle.Release(tensor.mul(Tensor.UnsafeCreateTensor(TensorHandle.Alias(upstream)).to(tensor.dtype)));
    }

    private static bool TryRead(nint upstream, out double factor)
    {
        factor = 0;
        if (TensorHandle.Device(upstream).Type != (int)DeviceType.CPU || !TensorHandle.IsPlain(upstream))
            return false;
        var data = TensorHandle.Data(upstream);
        if (data == 0)
            return false;
        switch (TensorHandle.DType(upstream))
        {
            case ScalarType.Float32:
                factor = *(float*)data;
                return true;
            case ScalarType.Float64:
                factor = *(double*)data;
                return true;
            case ScalarType.Float16:
                factor = (double)*(Half*)data;
                return true;
            case ScalarType.BFloat16:
                factor = BitConverter.Int32BitsToSingle(*(ushort*)data << 16);
                return true;
            default:
                return false;
        }
    }

    private static void Multiply<T>(nint from, T factor, nint into, int elements)
        where T : unmanaged, INumber<T>
    {
        var source = new ReadOnlySpan<T>((void*)from, elements);
        var target = new Span<T>((void*)into, elements);
        var vectors = MemoryMarshal.Cast<T, Vector<T>>(source);
        var products = MemoryMarshal.Cast<T, Vector<T>>(target);
        for (var i = 0; i < vectors.Length; i++)
            products[i] = vectors[i] * factor;
        for (var i = vectors.Length * Vector<T>.Count; i < elements; i++)
            target[i] = source[i] * factor;
    }
}
