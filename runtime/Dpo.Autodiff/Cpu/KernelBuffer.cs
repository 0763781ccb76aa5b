namespace Dpo.Autodiff.Cpu;

/// <summary>The memory of a kernel's buffer.</summary>
/// <param name="Address">Its first element: native memory, or pinned; 0 where there is none.</param>
/// <param name="Storage">What its elements are. Only a buffer that the kernel takes for stored numbers may differ from the kernel's own types.</param>
public record struct KernelBuffer(nint Address, StorageType Storage = StorageType.Own)
{
    /// <summary>A buffer of the kernel's own types.</summary>
    public static implicit operator KernelBuffer(nint address) => new(address);
}
