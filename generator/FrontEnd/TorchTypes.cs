using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>TorchSharp's types, recognised by their full names.</summary>
internal static class TorchTypes
{
    public static bool IsTensor(ITypeSymbol? type) => IsNested(type, "Tensor");

    public static bool IsTensorIndex(ITypeSymbol? type) => IsNested(type, "TensorIndex");

    public static bool IsSize(ITypeSymbol? type) => IsNested(type, "Size");

    public static bool IsScalarType(ITypeSymbol? type) => IsNested(type, "ScalarType");

    public static bool IsScalar(ITypeSymbol? type) => type is { Name: "Scalar", ContainingType: null } && InTorchSharp(type);

    /// <summary>A class whose static or instance members are torch operations.</summary>
    public static bool DeclaresOperations(ITypeSymbol? type) =>
        IsTensor(type) || Is(type, "torch") || Is(type, "torch.nn.functional") || Is(type, "torch.special") || Is(type, "torch.linalg") || Is(type, "torch.TensorExtensions");

    /// <summary>Anything of TorchSharp's.</summary>
    public static bool InTorchSharp(ISymbol? symbol)
    {
        var space = symbol?.ContainingNamespace;
        while (space is { ContainingNamespace.IsGlobalNamespace: false })
            space = space.ContainingNamespace;
        return space?.Name == "TorchSharp";
    }

    private static bool IsNested(ITypeSymbol? type, string name) =>
        type is not null && type.Name == name && Is(type.ContainingType, "torch");

    private static bool Is(ITypeSymbol? type, string path)
    {
        if (!InTorchSharp(type))
            return false;
        var names = path.Split('.');
        for (var i = names.Length - 1; i >= 0; i--)
        {
            if (type is null || type.Name != names[i])
                return false;
            type = type.ContainingType;
        }

        return type is null;
    }
}
