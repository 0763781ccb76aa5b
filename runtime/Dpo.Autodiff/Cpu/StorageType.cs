namespace Dpo.Autodiff.Cpu;

/// <summary>What a buffer's elements are in memory.</summary>
public enum StorageType
{
    /// <summary>What the kernel computes in: its compute type, or int64.</summary>
    Own,

    /// <summary>float32 with the lower half of its bits cut off.</summary>
    BFloat16,

    /// <summary>16 bits as in IEEE 754.</summary>
    Float16,

    /// <summary>float32, beside a compute type of double.</summary>
    Float32,

    /// <summary>float64, beside a compute type of float.</summary>
    Float64,

    /// <summary>64 bits, signed, read as numbers.</summary>
    Int64,

    /// <summary>32 bits, signed.</summary>
    Int32,

    /// <summary>16 bits, signed.</summary>
    Int16,

    /// <summary>8 bits, signed.</summary>
    Int8,

    /// <summary>8 bits, not signed; Booleans too.</summary>
    Byte,

    /// <summary>Rows that lie apart: the address is that of a description.</summary>
    Strided,
}
