using Dpo.Autodiff.Execution;

namespace Dpo.Autodiff.Cuda;

/// <summary>What kernels found wrong with the data: they say so in a word that the host reads at the next call, without waiting for them.</summary>
internal static unsafe class CudaFaults
{
    private static readonly Lock Gate = new();
    private static readonly List<(CudaProgram Program, ObjectiveSpec Spec, int Fault)> Known = [];
    private static readonly HashSet<ICudaDevice> Used = [];

    /// <summary>The code of a program's first fault.</summary>
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

    /// <summary>Throws what an earlier call on the device left.</summary>
    internal static void ThrowIfAny(ICudaDevice device)
    {
        var words = (long*)device.Faults;
        if (words == null || Volatile.Read(ref words[0]) == 0)
            return;
        var code = Interlocked.Exchange(ref words[0], 0);
        if (code == 0)
            return;
        (CudaProgram Program, ObjectiveSpec Spec, int Fault) known;
        lock (Gate)
            known = Known[(int)code - 1];
        var fault = known.Program.Faults[known.Fault];
        var parameter = known.Program.Buffers[fault.Buffer].Slot is { Role: SlotRole.Parameter } slot ? known.Spec.Parameters[slot.Index] : null;
        throw BindingProblem.WasOutOfRange(known.Spec, parameter, words[1], fault.Axis);
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
}
