using System.Numerics;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Execution;
using static TorchSharp.torch;
using Size = Dpo.Autodiff.Execution.Size;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>DPO as the generator would hand it to the runtime, and as a user would write it.</summary>
internal static class DpoObjective
{
    internal const double Beta = 0.1;

    private static readonly Size[] Pair = [new(0, new SizeTerm(0, 1))];
    private static readonly DTypeTerm[] Policy = [.. Enumerable.Range(0, 4).Select(i => new DTypeTerm(i, ScalarType.Float32, true, DTypeLift.Float))];

    internal static readonly ObjectiveSpec Spec = new(
        "Dpo",
        ["pair"],
        [
            new("chosen", Pair, "pair", ParameterUses.Value, false, false, false),
            new("rejected", Pair, "pair", ParameterUses.Value, false, false, false),
            new("referenceChosen", Pair, "pair", ParameterUses.Value, false, true, false),
            new("referenceRejected", Pair, "pair", ParameterUses.Value, false, true, false),
        ],
        ["loss", "chosenReward", "rejectedReward"]);

    /// <summary>As the design has it: rewards detached.</summary>
    internal static readonly ObjectiveVariant Variant = Make(areRewardsDifferentiable: false);

    /// <summary>The same with rewards that are part of the graph.</summary>
    internal static readonly ObjectiveVariant ThreeResults = Make(areRewardsDifferentiable: true);

    internal static Tensor[] Eager(Tensor?[] tensors, bool areRewardsDifferentiable = false)
    {
        using var scope = NewDisposeScope();
        var beta = tensor(Beta, tensors[0]!.dtype);
        var chosen = beta * (tensors[0]! - tensors[2]!.detach());
        var rejected = beta * (tensors[1]! - tensors[3]!.detach());
        var loss = (-nn.functional.logsigmoid(chosen - rejected)).mean();
        return [.. new[] { loss, areRewardsDifferentiable ? chosen : chosen.detach(), areRewardsDifferentiable ? rejected : rejected.detach() }.Select(result => result.MoveToOuterDisposeScope())];
    }

    internal static Tensor[] Fused(params Tensor?[] tensors) => Fused(Variant, tensors);

    internal static Tensor[] Fused(ObjectiveVariant variant, params Tensor?[] tensors)
    {
        Span<long> extents = stackalloc long[1];
        return Spec.Bind(tensors, extents)
            ? ObjectiveRun.Fused(Spec, variant, tensors, extents, [Beta])
            : Eager(tensors);
    }

    internal static Tensor?[] WithGrad(params Tensor?[] tensors)
    {
        Span<long> extents = stackalloc long[1];
        return Spec.Bind(tensors, extents)
            ? ObjectiveRun.WithGrad(Spec, Variant, tensors, extents, [Beta], null)
            : ObjectiveRun.EagerWithGrad(Spec, [0, 1], tensors, inputs => Eager(inputs), null);
    }

    private static ObjectiveVariant Make(bool areRewardsDifferentiable)
    {
        Slot[] inputs = [.. Enumerable.Range(0, 4).Select(i => new Slot(SlotRole.Parameter, i, ElementKind.Real))];
        Slot[] results = [.. Enumerable.Range(0, 3).Select(i => new Slot(SlotRole.Result, i, ElementKind.Real))];
        Slot[] gradients = [new(SlotRole.Gradient, 0, ElementKind.Real), new(SlotRole.Gradient, 1, ElementKind.Real)];
        Slot[] upstreams = [.. Enumerable.Range(0, areRewardsDifferentiable ? 3 : 1).Select(i => new Slot(SlotRole.Upstream, i, ElementKind.Real))];
        return new()
        {
            Results =
            [
                new("loss", ElementKind.Real, [], 0b11, Policy),
                new("chosenReward", ElementKind.Real, Pair, areRewardsDifferentiable ? 0b01UL : 0, Policy),
                new("rejectedReward", ElementKind.Real, Pair, areRewardsDifferentiable ? 0b10UL : 0, Policy),
            ],
            Gradients = [0, 1],
            Value = new(KernelLauncher.Launch<ValueKernel>, 7, Arguments([.. inputs, .. results])),
            ValueAndGradient = new(KernelLauncher.Launch<JointKernel>, 10, Arguments([.. inputs, .. results, .. gradients, new(SlotRole.Upstream, 0, ElementKind.Real)])),
            Gradient = areRewardsDifferentiable
                ? new(KernelLauncher.Launch<GradientOfThreeKernel>, 9, Arguments([.. inputs, .. gradients, .. upstreams]))
                : new(KernelLauncher.Launch<GradientKernel>, 7, Arguments([.. inputs, .. gradients, .. upstreams])),
            TorchValue = new((inputs, extents, scalars, _) => TorchValue(inputs, scalars[0]), inputs, results),
            TorchValueAndGradient = new(
                (inputs, extents, scalars, _) => [.. TorchValue(inputs, scalars[0]), .. TorchGradient(inputs, scalars[0])],
                [.. inputs, new(SlotRole.Upstream, 0, ElementKind.Real)],
                [.. results, .. gradients]),
            TorchGradient = new((inputs, extents, scalars, _) => TorchGradient(inputs, scalars[0]), [.. inputs, .. upstreams], gradients),
        };
    }

    private static KernelArgument[] Arguments(Slot[] slots) => [.. slots.Select((slot, buffer) => new KernelArgument(buffer, slot))];

    private static Tensor[] TorchValue(ReadOnlySpan<Tensor> inputs, double beta)
    {
        var scale = tensor(beta, inputs[0].dtype, inputs[0].device);
        var chosen = scale * (inputs[0] - inputs[2]);
        var rejected = scale * (inputs[1] - inputs[3]);
        return [(rejected - chosen).exp().log1p().mean(), chosen, rejected];
    }

    private static Tensor[] TorchGradient(ReadOnlySpan<Tensor> inputs, double beta)
    {
        var scale = tensor(beta, inputs[0].dtype, inputs[0].device);
        var margin = scale * (inputs[0] - inputs[2] - inputs[1] + inputs[3]);
        var slope = inputs[4] * tensor(beta / inputs[0].numel(), inputs[0].dtype, inputs[0].device) * (-margin).sigmoid();
        return inputs.Length == 5
            ? [-slope, slope]
            : [scale * inputs[5] - slope, scale * inputs[6] + slope];
    }

    private readonly struct ValueKernel : ILoopKernel
    {
        public static void Run<T, V>(ref KernelFrame frame)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            frame.ForEachBlock<ValueStage, T, V>(frame.Extent(0), accumulators: 1);
            frame.Real<T>(4) = T.CreateTruncating(frame.Sum(0) / frame.Extent(0));
        }
    }

    private readonly struct JointKernel : ILoopKernel
    {
        public static void Run<T, V>(ref KernelFrame frame)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            frame.ForEachBlock<JointStage, T, V>(frame.Extent(0), accumulators: 1);
            frame.Real<T>(4) = T.CreateTruncating(frame.Sum(0) / frame.Extent(0));
        }
    }

    private readonly struct GradientKernel : ILoopKernel
    {
        public static void Run<T, V>(ref KernelFrame frame)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T> => frame.ForEachBlock<GradientStage, T, V>(frame.Extent(0));
    }

    private readonly struct GradientOfThreeKernel : ILoopKernel
    {
        public static void Run<T, V>(ref KernelFrame frame)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T> => frame.ForEachBlock<GradientOfThreeStage, T, V>(frame.Extent(0));
    }

    private readonly struct ValueStage : ILoopStage
    {
        public static void Run<T, V, L>(ref KernelFrame frame, nint begin, nint end, int block)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
            where L : struct, ILoopForm
        {
            var beta = V.Create(frame.Scalar(0));
            var loss = default(VectorSum<T, V>);
            for (var pair = begin; pair < end; pair += V.Count)
            {
                var count = (int)nint.Min(end - pair, V.Count);
                var a = beta * (V.Load(ref frame.Real<T>(0), pair, count) - V.Load(ref frame.Real<T>(2), pair, count));
                var b = beta * (V.Load(ref frame.Real<T>(1), pair, count) - V.Load(ref frame.Real<T>(3), pair, count));
                V.Store(a, ref frame.Real<T>(5), pair, count);
                V.Store(b, ref frame.Real<T>(6), pair, count);
                loss.Add(-VectorMath.LogSigmoid<T, V>(a - b), count);
            }

            VectorSum<T, V>.AddTo(loss, ref frame.Partial(0, block));
        }
    }

    private readonly struct JointStage : ILoopStage
    {
        public static void Run<T, V, L>(ref KernelFrame frame, nint begin, nint end, int block)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
            where L : struct, ILoopForm
        {
            var beta = V.Create(frame.Scalar(0));
            var weight = V.Create(double.CreateChecked(frame.Real<T>(9)) * frame.Scalar(0) / frame.Extent(0));
            var loss = default(VectorSum<T, V>);
            for (var pair = begin; pair < end; pair += V.Count)
            {
                var count = (int)nint.Min(end - pair, V.Count);
                var a = beta * (V.Load(ref frame.Real<T>(0), pair, count) - V.Load(ref frame.Real<T>(2), pair, count));
                var b = beta * (V.Load(ref frame.Real<T>(1), pair, count) - V.Load(ref frame.Real<T>(3), pair, count));
                V.Store(a, ref frame.Real<T>(5), pair, count);
                V.Store(b, ref frame.Real<T>(6), pair, count);
                var margin = a - b;
                loss.Add(-VectorMath.LogSigmoid<T, V>(margin), count);
                var slope = weight * VectorMath.Sigmoid<T, V>(-margin);
                if (frame.Needs(0))
                    V.Store(-slope, ref frame.Real<T>(7), pair, count);
                if (frame.Needs(1))
                    V.Store(slope, ref frame.Real<T>(8), pair, count);
            }

            VectorSum<T, V>.AddTo(loss, ref frame.Partial(0, block));
        }
    }

    private readonly struct GradientStage : ILoopStage
    {
        public static void Run<T, V, L>(ref KernelFrame frame, nint begin, nint end, int block)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
            where L : struct, ILoopForm
        {
            var beta = V.Create(frame.Scalar(0));
            var weight = V.Create(double.CreateChecked(frame.Real<T>(6)) * frame.Scalar(0) / frame.Extent(0));
            for (var pair = begin; pair < end; pair += V.Count)
            {
                var count = (int)nint.Min(end - pair, V.Count);
                var a = beta * (V.Load(ref frame.Real<T>(0), pair, count) - V.Load(ref frame.Real<T>(2), pair, count));
                var b = beta * (V.Load(ref frame.Real<T>(1), pair, count) - V.Load(ref frame.Real<T>(3), pair, count));
                var slope = weight * VectorMath.Sigmoid<T, V>(b - a);
                if (frame.Needs(0))
                    V.Store(-slope, ref frame.Real<T>(4), pair, count);
                if (frame.Needs(1))
                    V.Store(slope, ref frame.Real<T>(5), pair, count);
            }
        }
    }

    private readonly struct GradientOfThreeStage : ILoopStage
    {
        public static void Run<T, V, L>(ref KernelFrame frame, nint begin, nint end, int block)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
            where L : struct, ILoopForm
        {
            var beta = V.Create(frame.Scalar(0));
            var weight = V.Create(double.CreateChecked(frame.Real<T>(6)) * frame.Scalar(0) / frame.Extent(0));
            for (var pair = begin; pair < end; pair += V.Count)
            {
                var count = (int)nint.Min(end - pair, V.Count);
                var a = beta * (V.Load(ref frame.Real<T>(0), pair, count) - V.Load(ref frame.Real<T>(2), pair, count));
                var b = beta * (V.Load(ref frame.Real<T>(1), pair, count) - V.Load(ref frame.Real<T>(3), pair, count));
                var slope = weight * VectorMath.Sigmoid<T, V>(b - a);
                if (frame.Needs(0))
                    V.Store((beta * V.Load(ref frame.Real<T>(7), pair, count)) - slope, ref frame.Real<T>(4), pair, count);
                if (frame.Needs(1))
                    V.Store((beta * V.Load(ref frame.Real<T>(8), pair, count)) + slope, ref frame.Real<T>(5), pair, count);
            }
        }
    }
}
