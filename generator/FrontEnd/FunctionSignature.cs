using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>Parameters and results of a method as the compiler sees them.</summary>
internal static class FunctionSignature
{
    private const string AttributeNamespace = "Dpo.Autodiff";

    public static EquatableArray<FunctionParameter> Parameters(IMethodSymbol method) =>
        method.Parameters.Select(Parameter).ToEquatableArray();

    /// <summary>The names of the tuple's elements (Item1... where unnamed), or Value alone.</summary>
    public static EquatableArray<string> ResultNames(IMethodSymbol method) =>
        method.ReturnType is INamedTypeSymbol { IsTupleType: true } tuple
            ? tuple.TupleElements.Select(e => e.Name).ToEquatableArray()
            : ["Value"];

    public static ReturnShape Returns(IMethodSymbol method) =>
        method.ReturnType is INamedTypeSymbol { IsTupleType: true } tuple
            ? new(true, tuple.TupleElements.Select(e => e.IsExplicitlyNamedTupleElement ? e.Name : null).ToEquatableArray(), tuple.TupleElements.Select(e => IsNullable(e.Type)).ToEquatableArray())
            : new(false, [null], [IsNullable(method.ReturnType)]);

    private static bool IsNullable(ITypeSymbol type) => type.NullableAnnotation == NullableAnnotation.Annotated;

    /// <summary>The first parameter that is neither a tensor nor a number, or is passed by reference.</summary>
    public static IParameterSymbol? Unsupported(IMethodSymbol method) => method.Parameters.FirstOrDefault(p => !IsSupported(p));

    public static bool IsSupported(IParameterSymbol parameter) =>
        parameter.RefKind == RefKind.None && !parameter.IsParams
        && (TorchTypes.IsTensor(parameter.Type) || HostTypes.IsHost(HostTypes.UnderNullable(parameter.Type) ?? parameter.Type));

    public static AttributeData? Attribute(ISymbol symbol, string name) =>
        symbol.GetAttributes().FirstOrDefault(a => a.AttributeClass is { } type && type.Name == name && type.ContainingNamespace?.ToDisplayString() == AttributeNamespace);

    public static string? Axes(IParameterSymbol parameter) =>
        Attribute(parameter, "AxesAttribute") is { ConstructorArguments: [{ Value: string axes }] } ? axes : null;

    private static FunctionParameter Parameter(IParameterSymbol parameter)
    {
        var noGrad = Attribute(parameter, "NoGradAttribute") is not null;
        var donated = Attribute(parameter, "DonatedAttribute") is not null;
        var hasDefault = parameter.HasExplicitDefaultValue;
        if (TorchTypes.IsTensor(parameter.Type))
        {
            var nullable = parameter.NullableAnnotation == NullableAnnotation.Annotated || hasDefault;
            return new(parameter.Name, ParameterKind.Tensor, nullable, null, hasDefault ? "null" : null, Axes(parameter), noGrad, donated);
        }

        var underlying = HostTypes.UnderNullable(parameter.Type);
        var type = underlying ?? parameter.Type;
        var value = !hasDefault ? null
            : parameter.ExplicitDefaultValue is not { } constant ? "null"
            : HostTypes.Literal(type, constant)?.Text;
        return new(
            parameter.Name,
            HostTypes.ToParameterKind(HostTypes.KindOf(type) ?? HostKind.Double),
            underlying is not null,
            HostTypes.EnumName(type),
            value);
    }
}
