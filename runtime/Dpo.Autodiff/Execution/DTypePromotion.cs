using System.ComponentModel;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>What an operation asks of the dtype of its operand.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public enum DTypeLift
{
    /// <summary>Nothing: it stays.</summary>
    None,

    /// <summary>Sums of Booleans and whole numbers are Int64.</summary>
    Sum,

    /// <summary>At least Float32.</summary>
    Float,

    /// <summary>The same, before it meets the others.</summary>
    Alone,
}

/// <summary>One thing that a result's dtype is promoted from.</summary>
/// <param name="Parameter">The parameter whose dtype counts, or -1.</param>
/// <param name="Fixed">The dtype where no parameter's counts.</param>
/// <param name="HasDimensions">Whether the tensor had dimensions where it met the others.</param>
/// <param name="Lift">What the operations on the way ask of it.</param>
/// <param name="WithoutParameter">The optional parameter without which alone it counts, or -1 where it always does.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly record struct DTypeTerm(int Parameter, ScalarType Fixed, bool HasDimensions, DTypeLift Lift, int WithoutParameter = -1);

/// <summary>Torch's rules of dtype promotion.</summary>
internal static class DTypePromotion
{
    private const sbyte Undefined = -1;

    /// <summary>The dtype that terms promote to, given the dtype of each parameter (-1 where it is absent); the fallback where none counts.</summary>
    internal static ScalarType Of(DTypeTerm[] terms, ReadOnlySpan<sbyte> parameters, ScalarType fallback)
    {
        var withDimensions = Undefined;
        var without = Undefined;
        var lift = DTypeLift.None;
        foreach (var term in terms)
        {
            var dtype = term.Parameter < 0 ? (sbyte)term.Fixed : parameters[term.Parameter];
            if (dtype < 0 || (term.WithoutParameter >= 0 && parameters[term.WithoutParameter] >= 0))
                continue;
            if (term.Lift == DTypeLift.Alone)
                dtype = Lift(dtype, DTypeLift.Alone);
            lift = (DTypeLift)Math.Max((int)lift, (int)term.Lift);
            if (term.HasDimensions)
                withDimensions = Promote(withDimensions, dtype);
            else
                without = Promote(without, dtype);
        }

        // Those without dimensions count only where they are of a higher category.
        var promoted = withDimensions == Undefined || Category(without) > Category(withDimensions) ? Promote(withDimensions, without) : withDimensions;
        // Lifting comes last: a count divided by or multiplied with half-precision numbers leaves them half.
        return promoted == Undefined ? fallback : (ScalarType)Lift(promoted, lift);
    }

    internal static bool IsFloating(ScalarType dtype) =>
        dtype is ScalarType.Float32 or ScalarType.Float64 or ScalarType.Float16 or ScalarType.BFloat16;

    internal static bool IsWhole(ScalarType dtype) =>
        dtype is ScalarType.Int64 or ScalarType.Int32 or ScalarType.Int16 or ScalarType.Int8 or ScalarType.Byte;

    private static sbyte Lift(sbyte dtype, DTypeLift lift) => lift switch
    {
        DTypeLift.Sum when !IsFloating((ScalarType)dtype) => (sbyte)ScalarType.Int64,
        DTypeLift.Float or DTypeLift.Alone when !IsFloating((ScalarType)dtype) => (sbyte)ScalarType.Float32,
        _ => dtype,
    };

    private static int Category(sbyte dtype) =>
        dtype == Undefined ? -1 : (ScalarType)dtype == ScalarType.Bool ? 0 : IsFloating((ScalarType)dtype) ? 2 : 1;

    private static sbyte Promote(sbyte left, sbyte right)
    {
        if (left == right || right == Undefined)
            return left;
        if (left == Undefined)
            return right;
        var (low, high) = Category(left) <= Category(right) ? (left, right) : (right, left);
        if (Category(low) != Category(high))
            return high;
        if (Category(high) == 2)
        {
            if (IsEither(ScalarType.Float64))
                return (sbyte)ScalarType.Float64;
            return (sbyte)ScalarType.Float32;
        }

        // An unsigned and a signed byte need one size more; else the wider one holds both.
        if (IsEither(ScalarType.Byte) && IsEither(ScalarType.Int8))
            return (sbyte)ScalarType.Int16;
        return Math.Max(low, high);

        bool IsEither(ScalarType dtype) => (ScalarType)low == dtype || (ScalarType)high == dtype;
    }
}
