namespace Dpo.Autodiff;

/// <summary>Names the axes of a tensor parameter, outermost first, separated by spaces.</summary>
/// <remarks>
/// A name stands for one size throughout the objective; an integer is a fixed size; <c>""</c> is a scalar tensor; an axis may be a
/// multiple of a name (<c>"2*pair token"</c>). A named axis never broadcasts: declare <c>1</c> where that is meant.
/// </remarks>
/// <param name="axes">The axes, for example <c>"pair token vocab"</c>.</param>
[AttributeUsage(AttributeTargets.Parameter, Inherited = false)]
public sealed class AxesAttribute(string axes) : Attribute
{
    /// <summary>The axes as written.</summary>
    public string Axes { get; } = axes;
}
