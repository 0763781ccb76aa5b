namespace Dpo.Autodiff;

/// <summary>
/// Compiles the annotated method: the generator adds <c>Fused.Name</c>, <c>Fused.NameWithGrad</c>, <c>NameLoss</c> and
/// <c>Fused.NameInfo</c> to the containing class, differentiated at build time. The method itself stays what it is and defines
/// what the generated code must compute.
/// </summary>
/// <remarks>The method is static and not generic, in a <c>partial</c> class; every tensor parameter carries <see cref="AxesAttribute"/>.</remarks>
[AttributeUsage(AttributeTargets.Method, Inherited = false)]
public sealed class ObjectiveAttribute : Attribute;
