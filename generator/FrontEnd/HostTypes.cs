using System.Globalization;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>The C# types of the language, and literals as invariant C# text.</summary>
internal static class HostTypes
{
    /// <summary>The kind of a host scalar of this type, or null where the language has none.</summary>
    public static HostKind? KindOf(ITypeSymbol? type) => type?.SpecialType switch
    {
        SpecialType.System_Boolean => HostKind.Bool,
        SpecialType.System_Int32 => HostKind.Int32,
        SpecialType.System_Int64 => HostKind.Int64,
        SpecialType.System_Single => HostKind.Single,
        SpecialType.System_Double => HostKind.Double,
        _ => type?.TypeKind == TypeKind.Enum ? HostKind.Enum : null,
    };

    public static bool IsHost(ITypeSymbol? type) => KindOf(type) is not null;

    /// <summary>The type under <c>Nullable</c>, or null.</summary>
    public static ITypeSymbol? UnderNullable(ITypeSymbol? type) =>
        type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T, TypeArguments: [var value] } ? value : null;

    public static string? EnumName(ITypeSymbol? type) => type?.TypeKind == TypeKind.Enum ? FullName(type) : null;

    public static string FullName(ISymbol symbol) => symbol.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat);

    public static ParameterKind ToParameterKind(HostKind kind) => kind switch
    {
        HostKind.Bool => ParameterKind.Bool,
        HostKind.Int32 => ParameterKind.Int32,
        HostKind.Int64 => ParameterKind.Int64,
        HostKind.Single => ParameterKind.Single,
        HostKind.Double => ParameterKind.Double,
        _ => ParameterKind.Enum,
    };

    /// <summary>A constant of a host type as C# text, or null where its type has no place in the language.</summary>
    public static (HostKind Kind, string Text)? Literal(ITypeSymbol type, object value)
    {
        if (type is INamedTypeSymbol { TypeKind: TypeKind.Enum } enumeration)
            return (HostKind.Enum, EnumLiteral(enumeration, value));
        return value switch
        {
            bool b => (HostKind.Bool, b ? "true" : "false"),
            int i => (HostKind.Int32, i.ToString(CultureInfo.InvariantCulture)),
            long l => (HostKind.Int64, Whole(l)),
            float f => (HostKind.Single, Text(f)),
            double d => (HostKind.Double, Text(d)),
            // Narrower whole numbers mean their value: C# computes with them as int.
            sbyte or byte or short or ushort => (HostKind.Int32, Convert.ToInt32(value, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture)),
            uint u => (HostKind.Int64, Whole(u)),
            _ => null,
        };
    }

    public static string Whole(long value) => value.ToString(CultureInfo.InvariantCulture) + "L";

    /// <summary>The shortest text that reads back to the same bits.</summary>
    public static string Text(double value)
    {
        if (double.IsNaN(value))
            return "double.NaN";
        if (double.IsInfinity(value))
            return value > 0 ? "double.PositiveInfinity" : "double.NegativeInfinity";
        // -0.0 prints as "0" on .NET Framework.
        if (value == 0)
            return 1 / value < 0 ? "-0.0" : "0.0";
        foreach (var format in new[] { "G15", "G16", "G17" })
        {
            var text = value.ToString(format, CultureInfo.InvariantCulture);
            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var back) && back.Equals(value))
                return WithPoint(text);
        }

        return WithPoint(value.ToString("G17", CultureInfo.InvariantCulture));
    }

    private static string Text(float value)
    {
        if (float.IsNaN(value))
            return "float.NaN";
        if (float.IsInfinity(value))
            return value > 0 ? "float.PositiveInfinity" : "float.NegativeInfinity";
        if (value == 0)
            return 1 / value < 0 ? "-0.0f" : "0.0f";
        foreach (var format in new[] { "G6", "G7", "G8", "G9" })
        {
            var text = value.ToString(format, CultureInfo.InvariantCulture);
            if (float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var back) && back.Equals(value))
                return WithPoint(text) + "f";
        }

        return WithPoint(value.ToString("G9", CultureInfo.InvariantCulture)) + "f";
    }

    private static string WithPoint(string text) =>
        text.IndexOfAny(['.', 'E']) >= 0 ? text : text + ".0";

    private static string EnumLiteral(INamedTypeSymbol type, object value)
    {
        foreach (var member in type.GetMembers())
            if (member is IFieldSymbol { HasConstantValue: true } field && Equals(field.ConstantValue, value))
                return FullName(type) + "." + Escape(field.Name);
        var number = Convert.ToDecimal(value, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);
        return "(" + FullName(type) + ")(" + number + ")";
    }

    /// <summary>A C# string literal.</summary>
    public static string Quote(string text) => Microsoft.CodeAnalysis.CSharp.SymbolDisplay.FormatLiteral(text, quote: true);

    /// <summary>An identifier as source text: keywords get their <c>@</c>.</summary>
    public static string Escape(string name) =>
        Microsoft.CodeAnalysis.CSharp.SyntaxFacts.GetKeywordKind(name) != Microsoft.CodeAnalysis.CSharp.SyntaxKind.None ? "@" + name : name;
}
