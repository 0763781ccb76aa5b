using System.ComponentModel;

namespace Dpo.Autodiff.Execution;

/// <summary>What an objective does with a tensor parameter.</summary>
[Flags]
[EditorBrowsable(EditorBrowsableState.Never)]
public enum ParameterUses
{
    /// <summary>It is not read.</summary>
    None = 0,

    /// <summary>A number to compute with, of any dtype.</summary>
    Value = 1,

    /// <summary>An index: whole numbers.</summary>
    Index = 2,

    /// <summary>A condition: Booleans.</summary>
    Condition = 4,

    /// <summary>Whole numbers that are counted before they are an index: Booleans too.</summary>
    Count = 8,
}

/// <summary>A tensor parameter of an objective.</summary>
/// <param name="name">Its name in the user's source.</param>
/// <param name="axes">The sizes that <c>[Axes]</c> names, outermost first.</param>
/// <param name="axesText">The text of <c>[Axes]</c>.</param>
/// <param name="uses">What it is read as.</param>
/// <param name="isOptional">Whether it may be null.</param>
/// <param name="isNoGrad">Whether it is marked <c>[NoGrad]</c>.</param>
/// <param name="isDonated">Whether it is marked <c>[Donated]</c>.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class TensorParameter(string name, Size[] axes, string axesText, ParameterUses uses, bool isOptional, bool isNoGrad, bool isDonated)
{
    internal string Name => name;

    internal Size[] Axes => axes;

    internal string AxesText => axesText;

    internal ParameterUses Uses => uses;

    internal bool IsOptional => isOptional;

    internal bool IsNoGrad => isNoGrad;

    internal bool IsDonated => isDonated;
}
