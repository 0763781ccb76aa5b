using System.Reflection;
using System.Runtime.InteropServices;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Execution;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>
/// The value-and-gradient kernel that <c>Fused.DpoWithGrad</c> runs, on pinned memory: what is left when the checks and TorchSharp's
/// objects are taken away. The generated code keeps it private, so it is found by reflection.
/// </summary>
internal sealed class BareKernel
{
    private readonly LoopKernel kernel;
    private readonly float[][] arrays;
    private readonly KernelBuffer[] buffers;
    private readonly long[] extents;
    private readonly double[] scalars = new double[64];
    private readonly SlotRole[] roles;

    /// <param name="tensors">Chosen, rejected and their references; copied.</param>
    public BareKernel(params Tensor[] tensors)
    {
        const BindingFlags Any = BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public;
        var plan = new[] { typeof(Measured), typeof(Measured.Fused) }.Select(t => t.GetNestedType("DpoPlan", Any)).First(t => t is not null)!;
        extents = [tensors[0].size(0)];
        var variant = plan.GetMethod("Choose", Any)!.CreateDelegate<Choose>()(tensors, extents, scalars, 0.1);
        kernel = variant.ValueAndGradient;
        buffers = new KernelBuffer[kernel.Buffers];
        roles = [.. kernel.Arguments.Select(a => a.Slot.Role)];
        arrays = [.. kernel.Arguments.Select(a => Pinned(a.Slot, tensors))];
        for (var i = 0; i < arrays.Length; i++)
            buffers[kernel.Arguments[i].Buffer] = Marshal.UnsafeAddrOfPinnedArrayElement(arrays[i], 0);
    }

    private delegate ObjectiveVariant Choose(ReadOnlySpan<Tensor?> tensors, ReadOnlySpan<long> extents, Span<double> scalars, double beta);

    /// <summary>One call.</summary>
    public void Run(List<Tensor>? results)
    {
        kernel.Launch(false, buffers, extents, scalars, ulong.MaxValue);
        if (results is null)
            return;
        for (var i = 0; i < arrays.Length; i++)
        {
            if (roles[i] == SlotRole.Result)
                results.Add(tensor(arrays[i][0]));
        }

        for (var i = 0; i < arrays.Length; i++)
        {
            if (roles[i] == SlotRole.Gradient)
                results.Add(tensor(arrays[i]));
        }
    }

    private static float[] Pinned(Slot slot, Tensor[] tensors)
    {
        var length = slot.Role switch
        {
            SlotRole.Parameter or SlotRole.Gradient => tensors[slot.Index].numel(),
            _ => 1,
        };
        var array = GC.AllocateArray<float>((int)length, pinned: true);
        if (slot.Role == SlotRole.Parameter)
            tensors[slot.Index].detach().data<float>().CopyTo(array, 0, 0);
        else if (slot.Role == SlotRole.Upstream)
            array[0] = 1;
        return array;
    }
}
