using Dpo.Autodiff.Cuda;
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

    /// <summary>Results, and what a backward would compute again.</summary>
    ValueAndResiduals,

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

    /// <summary>Writes <see cref="AbsentUpstream"/> in the compute type.</summary>
    internal unsafe void WriteAbsentUpstream(double* target)
    {
        if (IsDouble)
            *target = AbsentUpstream;
        else
            *(float*)target = (float)AbsentUpstream;
    }

    /// <summary>Whether an argument is a number that is not given: an upstream gradient, or a parameter that the kernel reads but does not choose. <see cref="AbsentUpstream"/> is read in its place.</summary>
    internal bool IsAbsentScalar(Slot slot) => slot.Role switch
    {
        SlotRole.Upstream => Upstreams.IsEmpty || Upstreams[slot.Index] == 0,
        SlotRole.Parameter => Parameters[slot.Index] == 0 && Spec.Parameters[slot.Index].Axes.Length == 0,
        _ => false,
    };

    /// <summary>What the forward kept; empty where it kept nothing.</summary>
    internal ReadOnlySpan<nint> Residuals { get; init; }

    /// <summary>Bit k is set if gradient k is to be written over its parameter.</summary>
    internal ulong Donated { get; init; }

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

    /// <summary>Where an output belongs in the table of outputs: results, then gradients by their number, then residuals.</summary>
    internal int Output(Slot slot) => slot.Role switch
    {
        SlotRole.Result => slot.Index,
        SlotRole.Gradient => Variant.Results.Length + Array.IndexOf(Variant.Gradients, slot.Index),
        _ => Variant.Results.Length + Variant.Gradients.Length + slot.Index,
    };

    /// <summary>The length of the table of outputs.</summary>
    internal int Outputs => Variant.Results.Length + Variant.Gradients.Length + (Role == KernelRole.ValueAndResiduals ? Variant.Residuals.Length : 0);

    /// <summary>Whether an output is to be computed.</summary>
    internal bool Wants(int output) =>
        output < Variant.Results.Length || output >= Variant.Results.Length + Variant.Gradients.Length || (Needs & (1UL << (output - Variant.Results.Length))) != 0;

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
    /// <param name="outputs">Receives results, then gradients, then residuals (of loop kernels alone); all 0 before.</param>
    internal void Run(bool isRecorded, Span<nint> outputs)
    {
        if (isRecorded || UsesTorch(Variant, Parameters) || LacksResiduals)
        {
            var torch = Role switch
            {
                KernelRole.ValueAndGradient => Variant.TorchValueAndGradient,
                KernelRole.Gradient => Variant.TorchGradient,
                _ => Variant.TorchValue,
            };
            TorchCall.Run(torch, this, isRecorded, outputs);
            return;
        }

        var kernel = Role switch
        {
            KernelRole.Value => Variant.Value,
            KernelRole.ValueAndGradient => Variant.ValueAndGradient,
            KernelRole.ValueAndResiduals => Variant.ValueAndResiduals!,
            _ => Variant.Gradient,
        };
        if (Device(Parameters, out var place) is { } device)
            CudaCall.Run(kernel.Cuda, device, place, this, outputs);
        else if (Donated == 0 && Variant.Tiled(Role, Extents) is { } tiled)
            TiledCall.Run(tiled, this, outputs);
        else
            LoopCall.Run(kernel, this, outputs);
    }

    /// <summary>Whether neither loop kernels nor CUDA kernels can run on the tensors, or they are not wanted.</summary>
    internal static bool UsesTorch(ObjectiveVariant variant, ReadOnlySpan<nint> parameters)
    {
        if (BackendChoice.Current == Backend.Torch)
            return true;
        if (Device(parameters, out var place) is not null)
            return !variant.Value.HasCuda;
        return place.Type >= 0 && place.Type != (int)DeviceType.CPU;
    }

    /// <summary>The device whose kernels run on the tensors; null where none is theirs.</summary>
    internal static ICudaDevice? Device(ReadOnlySpan<nint> parameters, out (int Type, int Index) place)
    {
        place = (-1, -1);
        foreach (var handle in parameters)
        {
            if (handle == 0)
                continue;
            place = TensorHandle.Device(handle);
            return CudaChoice.Of(place.Type, place.Index);
        }

        return null;
    }

    /// <summary>The dtype that a result or gradient has for the caller.</summary>
    internal ScalarType FinalType(Slot slot) => slot.Role == SlotRole.Result ? ResultType(slot.Index) : (ScalarType)DTypes[slot.Index];

    // A second backward of a call whose gradients the forward computed: TorchSharp's operations need no residuals.
    private bool LacksResiduals => Role == KernelRole.Gradient && Residuals.IsEmpty && Variant.Residuals.Length > 0;

    /// <summary>The dtype that a result is promoted to.</summary>
    internal ScalarType ResultType(int result)
    {
        var spec = Variant.Results[result];
        return DTypePromotion.Of(spec.DType, DTypes, DType(spec.Kind));
    }
}
