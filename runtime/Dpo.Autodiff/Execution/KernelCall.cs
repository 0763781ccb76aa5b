using Dpo.Autodiff.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>Which of a variant's kernels.</summary>
internal enum KernelRole
{
    /// <summary>Results.</summary>
    Value,

    /// <summary>Results and the gradients of the first.</summary>
    ValueAndGradient,

    /// <summary>Gradients, given upstream gradients.</summary>
    Gradient,
}

/// <summary>One run of a variant's kernel: its arguments as native handles, which the caller keeps alive.</summary>
internal readonly ref struct KernelCall
{
    internal required ObjectiveSpec Spec { get; init; }

    internal required ObjectiveVariant Variant { get; init; }

    internal required KernelRole Role { get; init; }

    /// <summary>The handle of each parameter's tensor, 0 where it is absent or not read.</summary>
    internal required ReadOnlySpan<nint> Parameters { get; init; }

    /// <summary>The dtype of each parameter's tensor, -1 where it is absent.</summary>
    internal required ReadOnlySpan<sbyte> DTypes { get; init; }

    /// <summary>Whether gradients are what the caller gets, and may be rounded to their parameters' dtypes; others are still to be scaled.</summary>
    internal bool HasFinalGradients { get; init; }

    /// <summary>The handle of each result's upstream gradient, 0 where there is none; a scalar's is then <see cref="AbsentUpstream"/>.</summary>
    internal ReadOnlySpan<nint> Upstreams { get; init; }

    /// <summary>The upstream gradient of a scalar result that has none.</summary>
    internal double AbsentUpstream { get; init; }

    internal required ReadOnlySpan<long> Extents { get; init; }

    internal required ReadOnlySpan<double> Scalars { get; init; }

    /// <summary>Bit k is set if gradient k is wanted.</summary>
    internal ulong Needs { get; init; }

    internal required bool IsDouble { get; init; }

    internal ScalarType ComputeType => IsDouble ? ScalarType.Float64 : ScalarType.Float32;

    internal ScalarType DType(ElementKind kind) => kind switch
    {
        ElementKind.Integer => ScalarType.Int64,
        ElementKind.Boolean => ScalarType.Bool,
        _ => ComputeType,
    };

    /// <summary>Where a result or gradient belongs in the table of outputs: results, then gradients by their number.</summary>
    internal int Output(Slot slot) =>
        slot.Role == SlotRole.Result ? slot.Index : Variant.Results.Length + Array.IndexOf(Variant.Gradients, slot.Index);

    /// <summary>Whether an output is to be computed.</summary>
    internal bool Wants(int output) =>
        output < Variant.Results.Length || (Needs & (1UL << (output - Variant.Results.Length))) != 0;

    /// <summary>The sizes of a result's or gradient's axes.</summary>
    internal void Sizes(Size[] axes, Span<long> sizes)
    {
        for (var axis = 0; axis < axes.Length; axis++)
        {
            sizes[axis] = axes[axis].Of(Extents);
            if (sizes[axis] < 0)
                throw BindingProblem.TooSmall(Spec, axis, sizes[axis]);
        }
    }

    /// <summary>Runs it. The outputs are new tensors of the compute type, of Int64 or Bool; where it throws there are none.</summary>
    /// <param name="isRecorded">Whether autograd records what it does.</param>
    /// <param name="outputs">Receives results, then gradients; all 0 before.</param>
    internal void Run(bool isRecorded, Span<nint> outputs)
    {
        if (isRecorded || UsesTorch)
        {
            var torch = Role switch
            {
                KernelRole.Value => Variant.TorchValue,
                KernelRole.ValueAndGradient => Variant.TorchValueAndGradient,
                _ => Variant.TorchGradient,
            };
            TorchCall.Run(torch, this, isRecorded, outputs);
            return;
        }

        var kernel = Role switch
        {
            KernelRole.Value => Variant.Value,
            KernelRole.ValueAndGradient => Variant.ValueAndGradient,
            _ => Variant.Gradient,
        };
        LoopCall.Run(kernel, this, outputs);
    }

    private bool UsesTorch
    {
        get
        {
            if (BackendChoice.Current == Backend.Torch)
                return true;
            foreach (var handle in Parameters)
            {
                if (handle != 0)
                    return TensorHandle.Device(handle).Type != (int)DeviceType.CPU;
            }

            return false;
        }
    }

    /// <summary>The dtype that a result or gradient has for the caller.</summary>
    internal ScalarType FinalType(Slot slot) => slot.Role == SlotRole.Result ? ResultType(slot.Index) : (ScalarType)DTypes[slot.Index];

    /// <summary>The dtype that a result is promoted to.</summary>
    internal ScalarType ResultType(int result)
    {
        var spec = Variant.Results[result];
        return DTypePromotion.Of(spec.DType, DTypes, DType(spec.Kind));
    }
}
