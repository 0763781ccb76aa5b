namespace Dpo.Autodiff;

/// <summary>
/// Exports a helper method to other assemblies, so that objectives declared there can call it, even if no objective of its own
/// assembly does.
/// </summary>
[AttributeUsage(AttributeTargets.Method, Inherited = false)]
public sealed class ObjectiveFunctionAttribute : Attribute;
