namespace Dpo.Autodiff;

/// <summary>
/// Treats a tensor parameter as detached, whatever its <c>requires_grad</c>: a frozen reference, a reward, a mask. Integer and
/// Boolean tensors never have gradients and need no annotation.
/// </summary>
[AttributeUsage(AttributeTargets.Parameter, Inherited = false)]
public sealed class NoGradAttribute : Attribute;
