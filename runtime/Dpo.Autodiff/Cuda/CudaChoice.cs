using Dpo.Autodiff.Execution;
using TorchSharp;

namespace Dpo.Autodiff.Cuda;

/// <summary>Where CUDA kernels answer.</summary>
internal static class CudaChoice
{
    /// <summary>The device whose kernels run on a tensor; null where none is the tensor's, or none is wanted.</summary>
    /// <param name="type">The type of the tensor's device.</param>
    /// <param name="index">The number of the tensor's device.</param>
    internal static ICudaDevice? Of(int type, int index)
    {
        if (BackendChoice.Current == Backend.Simd)
            return null;
        return (DeviceType)type switch
        {
            DeviceType.CUDA => CudaDevices.Find(index),
            DeviceType.CPU => CudaDevices.Emulated,
            _ => null,
        };
    }
}
