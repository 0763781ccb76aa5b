using System.Runtime.InteropServices;
using Dpo.Autodiff.Cuda;

namespace Dpo.Autodiff.Testing;

/// <summary>A device that notes the texts that it is asked to load, and runs none.</summary>
internal sealed unsafe class RecordingDevice : ICudaDevice, ICudaModule
{
    internal HashSet<KernelText> Texts { get; } = [];

    public int Multiprocessors => 1;

    public nint Faults { get; } = (nint)NativeMemory.AllocZeroed(CudaFaults.Words * sizeof(long));

    public int BlockSize(int preferred) => 32;

    public ICudaModule Load(string objective, string source, string defines, ReadOnlySpan<string> kernels)
    {
        Texts.Add(KernelText.Of(objective, source, defines, kernels));
        return this;
    }

    public nint Function(string kernel) => 1;

    public void Launch(nint function, long grid, int block, int sharedBytes, ReadOnlySpan<ulong> parameters)
    {
    }

    public void Synchronize()
    {
    }
}
