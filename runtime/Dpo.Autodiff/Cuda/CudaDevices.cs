namespace Dpo.Autodiff.Cuda;

/// <summary>The devices that kernels can run on.</summary>
internal static class CudaDevices
{
    /// <summary>Stands in for a card where tensors are in the machine's own memory. Tests set it.</summary>
    internal static ICudaDevice? Emulated { get; set; }

    /// <summary>The device of a tensor, by its index; null where there is no driver or compiler for it.</summary>
    internal static ICudaDevice? Find(int deviceIndex) => null;
}
