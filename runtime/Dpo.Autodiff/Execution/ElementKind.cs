using System.ComponentModel;

namespace Dpo.Autodiff.Execution;

/// <summary>What the elements of a kernel's buffer are.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public enum ElementKind
{
    /// <summary>Numbers in the compute type: float or double.</summary>
    Real,

    /// <summary>Whole numbers: 64-bit integers.</summary>
    Integer,

    /// <summary>Conditions: bytes, 0 or 1.</summary>
    Boolean,
}
