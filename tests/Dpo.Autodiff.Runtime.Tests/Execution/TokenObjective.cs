using System.Numerics;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Execution;
using static TorchSharp.torch;
using Size = Dpo.Autodiff.Execution.Size;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>
/// Selected logits of rows, as the generator would hand it to the runtime: <c>scores = where(mask, logits[row, label] * scale, 0)</c>,
/// and which rows count, and the labels. An objective with indices, conditions, an optional parameter and results of every kind.
/// </summary>
internal static class TokenObjective
{
    private static readonly Size Row = new(0, new SizeTerm(0, 1));

    internal static readonly ObjectiveSpec Spec = new(
        "Token",
        ["row", "vocab"],
        [
            new("logits", [Row, new(0, new SizeTerm(1, 1))], "row vocab", ParameterUses.Value, false, false, false),
            new("labels", [Row], "row", ParameterUses.Index, false, false, false),
            new("mask", [Row], "row", ParameterUses.Condition | ParameterUses.Value, true, false, false),
            new("scale", [], "", ParameterUses.Value, false, true, false),
        ],
        ["scores", "counted", "label"]);

    internal static readonly ObjectiveVariant Variant = Make();

    internal static Tensor[] Fused(Tensor? logits, Tensor? labels, Tensor? mask, Tensor? scale)
    {
        Span<long> extents = stackalloc long[2];
        Tensor?[] tensors = [logits, labels, mask, scale];
        Assert.True(Spec.Bind(tensors, extents));
        return ObjectiveRun.Fused(Spec, Variant, tensors, extents, []);
    }

    internal static Tensor?[] WithGrad(Tensor? logits, Tensor? labels, Tensor? mask, Tensor? scale, Tensor? upstream)
    {
        Span<long> extents = stackalloc long[2];
        Tensor?[] tensors = [logits, labels, mask, scale];
        Assert.True(Spec.Bind(tensors, extents));
        return ObjectiveRun.WithGrad(Spec, Variant, tensors, extents, [], upstream);
    }

    internal static Tensor[] Eager(Tensor logits, Tensor labels, Tensor? mask, Tensor scale)
    {
        var selected = logits.gather(1, labels.to(ScalarType.Int64).unsqueeze(1)).squeeze(1).mul(scale.detach());
        var counted = mask ?? ones_like(labels, ScalarType.Bool);
        return [where(counted, selected, zeros_like(selected)), counted, labels];
    }

    private static ObjectiveVariant Make()
    {
        Slot[] inputs = [new(SlotRole.Parameter, 0, ElementKind.Real), new(SlotRole.Parameter, 1, ElementKind.Integer), new(SlotRole.Parameter, 2, ElementKind.Boolean), new(SlotRole.Parameter, 3, ElementKind.Real)];
        Slot[] results = [new(SlotRole.Result, 0, ElementKind.Real), new(SlotRole.Result, 1, ElementKind.Boolean), new(SlotRole.Result, 2, ElementKind.Integer)];
        Slot gradient = new(SlotRole.Gradient, 0, ElementKind.Real);
        Slot upstream = new(SlotRole.Upstream, 0, ElementKind.Real);
        return new()
        {
            Results =
            [
                new("scores", ElementKind.Real, [Row], 1, [new(0, default, true, DTypeLift.None), new(3, default, false, DTypeLift.None)]),
                new("counted", ElementKind.Boolean, [Row], 0, [new(-1, ScalarType.Bool, true, DTypeLift.None)]),
                new("label", ElementKind.Integer, [Row], 0, [new(1, default, true, DTypeLift.None)]),
            ],
            Gradients = [0],
            Value = new(KernelLauncher.Launch<Kernel>, 9, Arguments([.. inputs, .. results])),
            ValueAndGradient = new(KernelLauncher.Launch<Kernel>, 9, Arguments([.. inputs, .. results, upstream, gradient])),
            Gradient = new(KernelLauncher.Launch<Kernel>, 9, [.. inputs.Select((slot, buffer) => new KernelArgument(buffer, slot)), new(7, upstream), new(8, gradient)]),
            TorchValue = new((inputs, _, _, _) => TorchValue(inputs), inputs, results),
            TorchValueAndGradient = new((inputs, _, _, _) => [.. TorchValue(inputs), TorchGradient(inputs)], [.. inputs, upstream], [.. results, gradient]),
            TorchGradient = new((inputs, _, _, _) => [TorchGradient(inputs)], [.. inputs, upstream], [gradient]),
        };
    }

    private static KernelArgument[] Arguments(Slot[] slots) => [.. slots.Select((slot, buffer) => new KernelArgument(buffer, slot))];

    private static Tensor Counted(ReadOnlySpan<Tensor> inputs) => inputs[2].numel() == inputs[1].numel() ? inputs[2] : ones_like(inputs[1], ScalarType.Bool);

    private static Tensor[] TorchValue(ReadOnlySpan<Tensor> inputs)
    {
        var selected = inputs[0].gather(1, inputs[1].unsqueeze(1)).squeeze(1).mul(inputs[3]);
        return [where(Counted(inputs), selected, zeros_like(selected)), Counted(inputs), inputs[1]];
    }

    private static Tensor TorchGradient(ReadOnlySpan<Tensor> inputs)
    {
        var upstream = where(Counted(inputs), inputs[4].mul(inputs[3]), zeros_like(inputs[4]));
        return zeros_like(inputs[0]).scatter_add(1, inputs[1].unsqueeze(1), upstream.unsqueeze(1));
    }

    // Buffers: 0 to 3 the parameters, 4 to 6 the results, 7 the upstream gradient, 8 the gradient; those that a role lacks are null.
    private readonly struct Kernel : ILoopKernel
    {
        public static void Run<T, V>(ref KernelFrame frame)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            var vocab = frame.Extent(1);
            var scale = V.Create(double.CreateChecked(frame.Real<T>(3)));
            for (nint row = 0; row < frame.Extent(0); row++)
            {
                var label = frame.InRange(1, Int64Lanes.Load(ref frame.Index(1), row, 1), vocab, 1);
                var at = (row * vocab) + (nint)label[0];
                var isCounted = System.Runtime.CompilerServices.Unsafe.IsNullRef(ref frame.Boolean(2)) || System.Runtime.CompilerServices.Unsafe.Add(ref frame.Boolean(2), row) != 0;
                if (!System.Runtime.CompilerServices.Unsafe.IsNullRef(ref frame.Real<T>(4)))
                {
                    V.Store(isCounted ? scale * V.Load(ref frame.Real<T>(0), at, 1) : V.Create(0), ref frame.Real<T>(4), row, 1);
                    System.Runtime.CompilerServices.Unsafe.Add(ref frame.Boolean(5), row) = isCounted ? (byte)1 : (byte)0;
                    System.Runtime.CompilerServices.Unsafe.Add(ref frame.Index(6), row) = System.Runtime.CompilerServices.Unsafe.Add(ref frame.Index(1), row);
                }

                if (!frame.Needs(0))
                    continue;
                for (nint column = 0; column < vocab; column++)
                    V.Store(V.Create(0), ref frame.Real<T>(8), (row * vocab) + column, 1);
                if (isCounted)
                    V.Store(scale * V.Load(ref frame.Real<T>(7), row, 1), ref frame.Real<T>(8), at, 1);
            }
        }
    }
}
