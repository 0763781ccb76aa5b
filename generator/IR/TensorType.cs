namespace Dpo.Autodiff.Generator.IR;

/// <summary>What the elements of a variable are; the storage dtype is known only at the call.</summary>
public enum ElementKind
{
    /// <summary>A number that may be differentiated, computed in the compute type (float or double).</summary>
    Real,

    /// <summary>A whole number, computed exactly as int64: an index, a label, a count.</summary>
    Integer,

    /// <summary>A condition.</summary>
    Boolean,
}

/// <summary>The type of a variable: what its elements are, and its extents by position, outermost first.</summary>
/// <remarks>Types are positional, as in torch: two positions may have the same extent (<c>[item item]</c>).</remarks>
public sealed record TensorType(ElementKind Kind, EquatableArray<Extent> Extents)
{
    public int Rank => Extents.Count;

    public static TensorType Scalar(ElementKind kind) => new(kind, EquatableArray<Extent>.Empty);

    public override string ToString() =>
        (Kind switch { ElementKind.Real => "real", ElementKind.Integer => "int", _ => "bool" }) + "[" + string.Join(" ", Extents) + "]";
}
