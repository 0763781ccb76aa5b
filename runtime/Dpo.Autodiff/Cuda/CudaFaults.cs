using Dpo.Autodiff.Execution;

namespace Dpo.Autodiff.Cuda;

/// <summary>The sizes of calls, and the code that says of a fault that it was in such a call.</summary>
/// <param name="Extents">The sizes of the named axes.</param>
/// <param name="Code">The code of the program's first fault.</param>
internal sealed record CudaShape(long[] Extents, long Code);

/// <summary>What kernels found wrong with the data: they say so in words that the host reads at the next call, without waiting for them.</summary>
internal static unsafe class CudaFaults
{
    /// <summary>How many words a fault has: its code, the index, where it was read, and a check of both.</summary>
    internal const int Words = 4;

    // Calls of so many different sizes may come before a fault is found; of older ones the sizes are forgotten.
    private const int KeptShapes = 4096;

    private static readonly Lock Gate = new();
    private static readonly List<(CudaProgram Program, ObjectiveSpec Spec, int Fault)> Known = [];
    private static readonly CudaShape?[] Shapes = new CudaShape?[KeptShapes];
    private static readonly HashSet<ICudaDevice> Used = [];
    private static long shapes;

    /// <summary>The number of a program's first fault.</summary>
    internal static long Register(CudaProgram program, ObjectiveSpec spec)
    {
        lock (Gate)
        {
            var first = Known.Count;
            for (var fault = 0; fault < program.Faults.Length; fault++)
                Known.Add((program, spec, fault));
            return first + 1;
        }
    }

    /// <summary>The sizes of a call, for its faults: the fault's number is the lower half of the code, that of the sizes the upper one.</summary>
    internal static CudaShape Shape(long first, ReadOnlySpan<long> extents)
    {
        lock (Gate)
        {
            var number = shapes++ & int.MaxValue;
            return Shapes[number % KeptShapes] = new(extents.ToArray(), (number << 32) | first);
        }
    }

    /// <summary>Throws what an earlier call on the device left.</summary>
    internal static void ThrowIfAny(ICudaDevice device)
    {
        var words = (long*)device.Faults;
        if (words == null || Volatile.Read(ref words[0]) == 0)
            return;
        var (index, position, check) = (Volatile.Read(ref words[1]), Volatile.Read(ref words[2]), Volatile.Read(ref words[3]));
        var code = Interlocked.Exchange(ref words[0], 0);
        if (code == 0)
            return;
        (CudaProgram Program, ObjectiveSpec Spec, int Fault) known;
        CudaShape? shape;
        lock (Gate)
        {
            known = Known[(int)code - 1];
            shape = Shapes[(code >> 32) % KeptShapes];
        }

        if (shape?.Code >> 32 != code >> 32)
            shape = null;
        var fault = known.Program.Faults[known.Fault];
        var parameter = known.Program.Buffers[fault.Buffer].Slot is { Role: SlotRole.Parameter } slot ? known.Spec.Parameters[slot.Index] : null;
        var place = parameter is null || shape is null || position < 0 || check != (index ^ position) ? [] : Place(known.Program.Buffers[fault.Buffer].Extents, shape.Extents, position);
        throw BindingProblem.WasOutOfRange(known.Spec, parameter, index, place, shape is null ? null : fault.Size.Of(shape.Extents));
    }

    /// <summary>Notes a device that may have faults.</summary>
    internal static void Use(ICudaDevice device)
    {
        lock (Gate)
            Used.Add(device);
    }

    /// <summary>Waits for all devices, and throws what a call left.</summary>
    internal static void Synchronize()
    {
        ICudaDevice[] devices;
        lock (Gate)
            devices = [.. Used];
        foreach (var device in devices)
            device.Synchronize();
        foreach (var device in devices)
            ThrowIfAny(device);
    }

    // An element's coordinates.
    private static long[] Place(Size[] axes, long[] extents, long position)
    {
        var place = new long[axes.Length];
        for (var axis = axes.Length - 1; axis >= 0; axis--)
            (position, place[axis]) = Math.DivRem(position, Math.Max(1, axes[axis].Of(extents)));
        return place;
    }
}
