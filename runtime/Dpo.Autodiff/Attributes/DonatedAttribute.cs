namespace Dpo.Autodiff;

/// <summary>
/// Lets the storage of a tensor parameter be overwritten with its own gradient, so that no second buffer of its size is needed.
/// </summary>
/// <remarks>
/// It takes place only where the tensor requires grad, its dtype is the gradient's, and its storage overlaps neither itself nor
/// another argument; elsewhere a fresh buffer is used.
/// </remarks>
[AttributeUsage(AttributeTargets.Parameter, Inherited = false)]
public sealed class DonatedAttribute : Attribute;
