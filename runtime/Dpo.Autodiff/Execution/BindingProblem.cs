using System.Globalization;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Cuda;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>The words for what is wrong with an argument.</summary>
internal static class BindingProblem
{
    internal static ObjectiveArgumentException Missing(ObjectiveSpec spec, TensorParameter parameter) =>
        new(spec.Name, parameter.Name, $"{parameter.Name} is null.");

    internal static ObjectiveArgumentException Disposed(ObjectiveSpec spec, TensorParameter parameter) =>
        new(spec.Name, parameter.Name, $"{parameter.Name} has been disposed.");

    internal static ObjectiveArgumentException DType(ObjectiveSpec spec, TensorParameter parameter, ScalarType found, string expected) =>
        new(spec.Name, parameter.Name, $"{parameter.Name} is {found}, but must be {expected}.");

    internal static ObjectiveArgumentException Sparse(ObjectiveSpec spec, TensorParameter parameter) =>
        new(spec.Name, parameter.Name, $"{parameter.Name} is sparse, but must be dense (to_dense()).");

    internal static ObjectiveArgumentException Unreadable(ObjectiveSpec spec, TensorParameter parameter) =>
        new(spec.Name, parameter.Name, $"{parameter.Name} has no memory that can be read.");

    internal static ObjectiveArgumentException Devices(ObjectiveSpec spec, TensorParameter parameter, ReadOnlySpan<Tensor?> tensors)
    {
        for (var i = 0; i < tensors.Length; i++)
        {
            if (tensors[i] is { } first)
            {
                var found = tensors[Array.IndexOf(spec.Parameters, parameter)]!;
                return new(spec.Name, parameter.Name, $"{parameter.Name} is on {found.device}, but {spec.Parameters[i].Name} is on {first.device}.");
            }
        }

        throw new InvalidOperationException("One tensor cannot be on two devices.");
    }

    internal static ObjectiveArgumentException Rank(ObjectiveSpec spec, TensorParameter parameter, Tensor found) =>
        new(spec.Name, parameter.Name, $"{parameter.Name} has shape [{string.Join(", ", found.shape)}], but its axes are [{parameter.AxesText}].");

    internal static ObjectiveArgumentException Multiple(ObjectiveSpec spec, TensorParameter parameter, Size size, long found) =>
        new(spec.Name, parameter.Name, $"{parameter.Name} has {Text(spec, size)} = {Number(found)}, which no whole {spec.Axes[size.Terms[0].Axis]} gives.");

    /// <summary>A size that differs from what an earlier tensor said of the same name, or from the declared number.</summary>
    internal static ObjectiveArgumentException Sizes(ObjectiveSpec spec, int index, int axis, ReadOnlySpan<Tensor?> tensors, ReadOnlySpan<long> extents)
    {
        var parameter = spec.Parameters[index];
        var size = parameter.Axes[axis];
        var found = tensors[index]!.size(axis);
        if (size.Terms is not [var term, ..])
            return new(spec.Name, parameter.Name, $"{parameter.Name} has size {Number(found)} at axis {Number(axis)}, but [{parameter.AxesText}] says {Number(size.Constant)}.");
        var expected = Number(extents[term.Axis]);
        var has = size.Constant == 0 && term.Coefficient != 1 && found % term.Coefficient == 0
            ? $"{spec.Axes[term.Axis]} = {Number(found / term.Coefficient)} ({Text(spec, size)} = {Number(found)})"
            : $"{Text(spec, size)} = {Number(found)}";
        return new(spec.Name, parameter.Name, $"{parameter.Name} has {has}, but {FirstWith(spec, term.Axis, index, axis, tensors)} has {spec.Axes[term.Axis]} = {expected}");
    }

    /// <param name="spec">The objective.</param>
    /// <param name="parameter">Whose index it is; null where it was computed from several.</param>
    /// <param name="position">Where the parameter has that index first; empty where it was computed.</param>
    /// <param name="fault">The index.</param>
    internal static ObjectiveArgumentException OutOfRange(ObjectiveSpec spec, TensorParameter? parameter, ReadOnlySpan<long> position, KernelFault fault) => new(
        spec.Name,
        parameter?.Name ?? "",
        $"{parameter?.Name ?? "an index"} has {Number(fault.Index)}{At(position)}, which is out of range of an axis of size {Number(fault.Extent)}.");

    /// <summary>As a card finds it: after the call.</summary>
    /// <param name="spec">The objective.</param>
    /// <param name="parameter">Whose index it is; null where it was computed from several.</param>
    /// <param name="index">The index.</param>
    /// <param name="position">Where the parameter has it; empty where that is not known.</param>
    /// <param name="extent">What it is not below; null where that is not known any more.</param>
    internal static ObjectiveArgumentException WasOutOfRange(ObjectiveSpec spec, TensorParameter? parameter, long index, ReadOnlySpan<long> position, long? extent) => new(
        spec.Name,
        parameter?.Name ?? "",
        $"in an earlier call, {parameter?.Name ?? "an index"} had {Number(index)}{At(position)}, which is out of range{(extent is { } size ? $" of an axis of size {Number(size)}" : "")}. What depends on it is NaN.");

    private static string At(ReadOnlySpan<long> position) => position.IsEmpty ? "" : $" at [{string.Join(", ", position.ToArray().Select(Number))}]";

    internal static ObjectiveArgumentException TooSmall(ObjectiveSpec spec, int axis, long size) =>
        new(spec.Name, spec.Parameters[0].Name, $"the tensors are too small: axis {Number(axis)} of a result would have size {Number(size)}.");

    /// <summary>A backend that was asked for by name must be the one that answers.</summary>
    internal static void ThrowIfOutOfReach(ObjectiveSpec spec, Backend backend, int deviceType, int deviceIndex)
    {
        if (backend == Backend.Cuda)
        {
            if (CudaChoice.Of(deviceType, deviceIndex) is not null)
                return;
            var reason = deviceType == (int)TorchSharp.DeviceType.CUDA ? "there is no driver or compiler for their card" : "they are not on a CUDA device";
            throw new InvalidOperationException($"{BackendChoice.Variable} is 'cuda', but its kernels cannot run on the tensors of {spec.Name}: {reason}. 'torch' runs on every device.");
        }

        if (deviceType >= 0 && deviceType != (int)TorchSharp.DeviceType.CPU)
            throw new InvalidOperationException($"{BackendChoice.Variable} is 'simd', but the tensors of {spec.Name} are not on the CPU: 'torch' runs on every device.");
    }

    private static string FirstWith(ObjectiveSpec spec, int name, int index, int axis, ReadOnlySpan<Tensor?> tensors)
    {
        for (var i = 0; i <= index; i++)
        {
            if (tensors[i] is null)
                continue;
            for (var k = 0; k < spec.Parameters[i].Axes.Length && (i < index || k < axis); k++)
            {
                if (spec.Parameters[i].Axes[k].Terms.Any(term => term.Axis == name))
                    return i == index ? "its axis " + Number(k) : spec.Parameters[i].Name;
            }
        }

        return "an earlier tensor";
    }

    private static string Text(ObjectiveSpec spec, Size size)
    {
        var text = string.Join("+", size.Terms.Select(term => term.Coefficient == 1 ? spec.Axes[term.Axis] : $"{Number(term.Coefficient)}*{spec.Axes[term.Axis]}"));
        return size.Constant == 0 ? text : text + size.Constant.ToString("+0;-0", CultureInfo.InvariantCulture);
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
