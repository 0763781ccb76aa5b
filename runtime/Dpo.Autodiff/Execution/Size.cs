using System.ComponentModel;

namespace Dpo.Autodiff.Execution;

/// <summary>A multiple of a named axis.</summary>
/// <param name="Axis">The axis, by its number.</param>
/// <param name="Coefficient">How many times.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly record struct SizeTerm(int Axis, long Coefficient);

/// <summary>The size of an axis as an affine form of named axes: <c>pair</c>, <c>2*pair</c>, <c>token-1</c>, <c>1</c>.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class Size(long constant, params SizeTerm[] terms)
{
    internal long Constant => constant;

    internal SizeTerm[] Terms => terms;

    /// <summary>How many elements a tensor of these sizes has.</summary>
    internal static long Elements(ReadOnlySpan<Size> sizes, ReadOnlySpan<long> extents)
    {
        var elements = 1L;
        foreach (var size in sizes)
            elements *= size.Of(extents);
        return elements;
    }

    /// <summary>The size at a call: negative where the named axes are too short for it.</summary>
    public long Of(ReadOnlySpan<long> extents)
    {
        var size = constant;
        foreach (var term in terms)
            size = unchecked(size + (term.Coefficient * extents[term.Axis]));
        return size;
    }
}
