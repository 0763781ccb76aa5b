using System.Runtime.InteropServices;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Execution;

/// <summary>Runs a tiled kernel: what is known before, each tile on its stretch of the arguments, and what follows from all.</summary>
internal sealed unsafe class TiledCall : IDisposable
{
    private readonly TiledKernel kernel;
    private readonly KernelBuffer[] handed;
    private readonly List<nint> owned = [];
    private readonly List<nint> copies = [];
    private readonly List<Sum> sums = [];
    private readonly long length;
    private readonly long tiles;
    private readonly nint scalar;

    private TiledCall(TiledKernel kernel, in KernelCall call)
    {
        this.kernel = kernel;
        handed = new KernelBuffer[kernel.Handed.Length];
        length = kernel.Length(call.Extents);
        tiles = (call.Extents[kernel.Axis] + length - 1) / length;

        scalar = Allocate(sizeof(double));
        call.WriteAbsentUpstream((double*)scalar);
    }

    /// <summary>Runs it. The outputs are new tensors of the caller's dtype, the compute type, Int64 or Bool; where it throws there are none.</summary>
    internal static void Run(TiledKernel kernel, in KernelCall call, Span<nint> outputs)
    {
        using var run = new TiledCall(kernel, call);
        try
        {
            if (kernel.Before is { } before)
                Launch(before, call, call.Extents, run.Bind(before, call, outputs));
            run.RunTiles(call, outputs);
            if (kernel.After is { } after)
                Launch(after, call, call.Extents, run.Bind(after, call, outputs));
        }
        catch
        {
            TensorHandle.DisposeAll(outputs);
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var memory in owned)
            NativeMemory.AlignedFree((void*)memory);
        TensorHandle.DisposeAll(CollectionsMarshal.AsSpan(copies));
    }

    private void RunTiles(in KernelCall call, Span<nint> outputs)
    {
        var arguments = kernel.Tile.Kernel.Arguments;
        var buffers = Bind(kernel.Tile, call, outputs);
        var strides = new nint[arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
            strides[i] = Stride(call, i, buffers[i]);
        long[] extents = [.. call.Extents];
        for (var tile = 0L; tile < tiles; tile++)
        {
            extents[kernel.Axis] = Math.Min(length, call.Extents[kernel.Axis] - (tile * length));
            var stretch = (KernelBuffer[])buffers.Clone();
            for (var i = 0; i < arguments.Length; i++)
            {
                if (stretch[i].Address != 0)
                    stretch[i].Address += (nint)tile * strides[i];
            }

            Launch(kernel.Tile, call, extents, stretch);
        }

        foreach (var sum in sums)
            sum.Run(call.IsDouble, tiles);
    }

    private static void Launch(TiledPart part, in KernelCall call, ReadOnlySpan<long> extents, KernelBuffer[] arguments)
    {
        var buffers = new KernelBuffer[part.Kernel.Buffers];
        for (var i = 0; i < arguments.Length; i++)
            buffers[part.Kernel.Arguments[i].Buffer] = arguments[i];
        var fault = part.Kernel.Launch(call.IsDouble, buffers, extents, call.Scalars, Needs(part, call));
        if (fault.IsFault)
            throw LoopCall.Fault(part.Kernel, call, fault);
    }

    private static ulong Needs(TiledPart part, in KernelCall call)
    {
        var needs = 0UL;
        for (var k = 0; k < part.Gradients.Length; k++)
        {
            if (call.Wants(call.Variant.Results.Length + Array.IndexOf(call.Variant.Gradients, part.Gradients[k])))
                needs |= 1UL << k;
        }

        return needs;
    }

    // The memory of each argument, whole: of a sum over tiles, that of the first tile's part.
    private KernelBuffer[] Bind(TiledPart part, in KernelCall call, Span<nint> outputs)
    {
        var arguments = part.Kernel.Arguments;
        var buffers = new KernelBuffer[arguments.Length];
        var isTile = part == kernel.Tile;
        for (var i = 0; i < arguments.Length; i++)
        {
            var argument = arguments[i];
            var slot = argument.Slot;
            var isSum = isTile && IsSum(call, i);
            buffers[i] = slot.Role switch
            {
                _ when call.IsAbsentScalar(slot) => scalar,
                SlotRole.Parameter => Input(call, call.Parameters[slot.Index], argument, isTile),
                SlotRole.Upstream => Input(call, call.Upstreams[slot.Index], argument, isTile),
                SlotRole.Residual when handed[slot.Index].Address != 0 => handed[slot.Index],
                SlotRole.Residual => handed[slot.Index] = Allocate(Size.Elements(kernel.Handed[slot.Index].Extents, call.Extents) * Bytes(slot.Kind, call.IsDouble)),
                _ => Output(call, argument, isSum, outputs),
            };
            if (isSum && buffers[i].Address != 0)
            {
                var elements = Size.Elements(Extents(call, slot), call.Extents);
                if (part.Added.Contains(i))
                    NativeMemory.Clear((void*)buffers[i].Address, (nuint)(elements * Bytes(slot.Kind, call.IsDouble)));
                else
                    buffers[i] = Parts(buffers[i].Address, elements, call.IsDouble);
            }
        }

        return buffers;
    }

    private KernelBuffer Parts(nint target, long elements, bool isDouble)
    {
        var parts = Allocate(tiles * elements * Bytes(ElementKind.Real, isDouble));
        sums.Add(new(parts, target, elements));
        return parts;
    }

    private KernelBuffer Input(in KernelCall call, nint handle, KernelArgument argument, bool isTile)
    {
        Span<nint> copy = stackalloc nint[1];
        var copied = 0;
        var buffer = LoopCall.Input(call, handle, argument, copy, ref copied, mayStride: !isTile);
        if (copied > 0)
            copies.Add(copy[0]);
        return buffer;
    }

    private static KernelBuffer Output(in KernelCall call, KernelArgument argument, bool isSum, Span<nint> outputs)
    {
        var output = call.Output(argument.Slot);
        return outputs[output] != 0
            ? TensorHandle.Data(outputs[output])
            : LoopCall.Output(call, isSum ? argument with { IsStored = false } : argument, outputs);
    }

    // How far apart in memory the stretches of two tiles are; 0 for what all have in common.
    private nint Stride(in KernelCall call, int argument, KernelBuffer buffer)
    {
        var slot = kernel.Tile.Kernel.Arguments[argument].Slot;
        var extents = Extents(call, slot);
        var bytes = StoredMemory.Bytes(buffer.Storage, Bytes(slot.Kind, call.IsDouble));
        if (IsStretch(call, slot))
            return (nint)(length * Size.Elements(extents.AsSpan(1), call.Extents) * bytes);
        return IsSum(call, argument) && !kernel.Tile.Added.Contains(argument) ? (nint)(Size.Elements(extents, call.Extents) * bytes) : 0;
    }

    // Whether a tile gives its part of a sum: what is written, and has not the axis.
    private bool IsSum(in KernelCall call, int argument) => argument >= kernel.Tile.Inputs && !IsStretch(call, kernel.Tile.Kernel.Arguments[argument].Slot);

    private bool IsStretch(in KernelCall call, Slot slot) =>
        Extents(call, slot) is [{ Constant: 0, Terms: [{ Coefficient: 1 } term] }, ..] && term.Axis == kernel.Axis;

    private Size[] Extents(in KernelCall call, Slot slot) => slot.Role switch
    {
        SlotRole.Result or SlotRole.Upstream => call.Variant.Results[slot.Index].Extents,
        SlotRole.Residual => kernel.Handed[slot.Index].Extents,
        _ => call.Spec.Parameters[slot.Index].Axes,
    };

    private static int Bytes(ElementKind kind, bool isDouble) => kind switch
    {
        ElementKind.Real => isDouble ? sizeof(double) : sizeof(float),
        ElementKind.Integer => sizeof(long),
        _ => sizeof(bool),
    };

    private nint Allocate(long bytes)
    {
        var memory = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), 64);
        owned.Add(memory);
        return memory;
    }

    // The parts that tiles gave of a sum, one after the other, and where it belongs.
    private sealed record Sum(nint Parts, nint Target, long Elements)
    {
        internal void Run(bool isDouble, long tiles)
        {
            if (isDouble)
                Run((double*)Parts, (double*)Target, tiles);
            else
                Run((float*)Parts, (float*)Target, tiles);
        }

        private void Run<T>(T* parts, T* target, long tiles)
            where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
        {
            for (var element = 0L; element < Elements; element++)
            {
                var total = default(BlockPartial);
                for (var tile = 0L; tile < tiles; tile++)
                    total.Add(double.CreateTruncating(parts[(tile * Elements) + element]));
                target[element] = T.CreateTruncating(total.Sum);
            }
        }
    }
}
