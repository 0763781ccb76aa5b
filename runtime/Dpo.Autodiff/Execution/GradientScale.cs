using System.Numerics;
using System.Runtime.InteropServices;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>Gradients that the forward computed, times the upstream gradient of a scalar.</summary>
internal static unsafe class GradientScale
{
    // More are worth libtorch's threads.
    private const long FewElements = 1 << 15;

    /// <summary>The number of elements.</summary>
    internal static long Elements(nint handle)
    {
        var elements = 1L;
        for (var axis = TensorHandle.Dimensions(handle) - 1; axis >= 0; axis--)
            elements *= TensorHandle.Size(handle, axis);
        return elements;
    }

    /// <summary>Writes the product over the gradient, which nobody else has.</summary>
    internal static void Apply(nint gradient, nint upstream)
    {
        var isRead = TryRead(upstream, out var factor);
        if (isRead && factor == 1)
            return;
        var elements = Elements(gradient);
        if (!isRead || elements > FewElements || TensorHandle.Device(gradient).Type != (int)DeviceType.CPU)
            Multiply(gradient, upstream);
        else if (TensorHandle.DType(gradient) == ScalarType.Float64)
            Multiply(new Span<double>((void*)TensorHandle.Data(gradient), (int)elements), factor);
        else
            Multiply(new Span<float>((void*)TensorHandle.Data(gradient), (int)elements), (float)factor);
    }

    private static void Multiply(nint gradient, nint upstream)
    {
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var tensor = Tensor.UnsafeCreateTensor(TensorHandle.Alias(gradient));
        tensor.mul_(Tensor.UnsafeCreateTensor(TensorHandle.Alias(upstream)).to(tensor.dtype));
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
                factor = HalfPrecision.FromBFloat16(*(ushort*)data);
                return true;
            default:
                return false;
        }
    }

    private static void Multiply<T>(Span<T> gradient, T factor)
        where T : unmanaged, INumber<T>
    {
        var vectors = MemoryMarshal.Cast<T, Vector<T>>(gradient);
        foreach (ref var vector in vectors)
            vector *= factor;
        foreach (ref var element in gradient[(vectors.Length * Vector<T>.Count)..])
            element *= factor;
    }
}
