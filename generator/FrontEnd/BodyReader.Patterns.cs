using Dpo.Autodiff.Generator.IR;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <content>Patterns: as one condition where they declare nothing and unwrap nothing, as jumps elsewhere.</content>
internal sealed partial class BodyReader
{
    private static bool CanBeNull(ITypeSymbol? type) => TorchTypes.IsTensor(type) || HostTypes.UnderNullable(type) is not null;

    private static bool IsNullPattern(IPatternOperation pattern) =>
        pattern is IConstantPatternOperation { Value.ConstantValue: { HasValue: true, Value: null } };

    private static bool IsPurePattern(IPatternOperation pattern, ITypeSymbol? type) => pattern switch
    {
        IDiscardPatternOperation => true,
        IDeclarationPatternOperation { MatchesNull: true, DeclaredSymbol: null } => true,
        INegatedPatternOperation not => IsPurePattern(not.Pattern, type),
        IBinaryPatternOperation both => IsPurePattern(both.LeftPattern, type) && IsPurePattern(both.RightPattern, type),
        IConstantPatternOperation when IsNullPattern(pattern) => CanBeNull(type),
        IConstantPatternOperation constant => HostTypes.IsHost(type) && constant.Value.ConstantValue.HasValue,
        IRelationalPatternOperation relational => HostTypes.IsHost(type) && relational.Value.ConstantValue.HasValue,
        ITypePatternOperation => TorchTypes.IsTensor(type),
        IRecursivePatternOperation { DeclaredSymbol: null, PropertySubpatterns.IsEmpty: true } recursive =>
            recursive.DeconstructionSubpatterns.IsEmpty
                ? CanBeNull(type)
                : type is INamedTypeSymbol { IsTupleType: true } tuple && tuple.TupleElements.Length == recursive.DeconstructionSubpatterns.Length
                    && tuple.TupleElements.Zip(recursive.DeconstructionSubpatterns, (element, sub) => IsPurePattern(sub, element.Type)).All(pure => pure),
        _ => false,
    };

    /// <summary>The pattern as a condition.</summary>
    private int PurePattern(int value, ITypeSymbol? type, IPatternOperation pattern)
    {
        switch (pattern)
        {
            case INegatedPatternOperation not:
                return Not(PurePattern(value, type, not.Pattern), pattern);
            case IBinaryPatternOperation both:
                var (left, right) = (PurePattern(value, type, both.LeftPattern), PurePattern(value, type, both.RightPattern));
                return Host(HostOperation.Binary, HostKind.Bool, both.OperatorKind == BinaryOperatorKind.Or ? "||" : "&&", pattern, left, right);
            case IConstantPatternOperation when IsNullPattern(pattern):
                return IsNull(value, pattern);
            // A pattern compares as Equals does: NaN is NaN.
            case IConstantPatternOperation { Value.ConstantValue.Value: double number } when double.IsNaN(number):
                return Host(HostOperation.Call, HostKind.Bool, "global::System.Double.IsNaN", pattern, value);
            case IConstantPatternOperation { Value.ConstantValue.Value: float number } when float.IsNaN(number):
                return Host(HostOperation.Call, HostKind.Bool, "global::System.Single.IsNaN", pattern, value);
            case IConstantPatternOperation constant:
                return Host(HostOperation.Binary, HostKind.Bool, "==", pattern, value, Constant(constant.Value, type, constant.Value.ConstantValue.Value));
            case IRelationalPatternOperation relational when OperatorText(relational.OperatorKind) is { } text:
                return Host(HostOperation.Binary, HostKind.Bool, text, pattern, value, Constant(relational.Value, type, relational.Value.ConstantValue.Value));
            case ITypePatternOperation:
            case IRecursivePatternOperation { DeconstructionSubpatterns.IsEmpty: true }:
                return Not(IsNull(value, pattern), pattern);
            case IRecursivePatternOperation recursive:
                var elements = ((INamedTypeSymbol)type!).TupleElements;
                var all = Poison;
                for (var i = 0; i < elements.Length; i++)
                {
                    var sub = recursive.DeconstructionSubpatterns[i];
                    if (AlwaysMatches(sub))
                        continue;
                    var matches = PurePattern(Item(value, i, sub), elements[i].Type, sub);
                    all = all == Poison ? matches : Host(HostOperation.Binary, HostKind.Bool, "&&", pattern, all, matches);
                }

                return all == Poison ? Truth(true, pattern) : all;
            default:
                return Truth(true, pattern);
        }
    }

    /// <summary>Goes to <paramref name="otherwise"/> where the value does not match; declares what the pattern declares.</summary>
    private void TestPattern(int value, ITypeSymbol? type, IPatternOperation pattern, Label otherwise)
    {
        Enter();
        if (AlwaysMatches(pattern))
            return;
        if (IsPurePattern(pattern, type))
        {
            BranchFalse(PurePattern(value, type, pattern), otherwise, pattern);
            return;
        }

        switch (pattern)
        {
            case IBinaryPatternOperation { OperatorKind: BinaryOperatorKind.Or } either:
                var right = NewLabel();
                var end = NewLabel();
                TestPattern(value, type, either.LeftPattern, right);
                Jump(end, pattern);
                Mark(right);
                TestPattern(value, type, either.RightPattern, otherwise);
                Mark(end);
                break;
            case IBinaryPatternOperation both:
                TestPattern(value, type, both.LeftPattern, otherwise);
                TestPattern(value, type, both.RightPattern, otherwise);
                break;
            case INegatedPatternOperation not:
                var holds = NewLabel();
                TestPattern(value, type, not.Pattern, holds);
                Jump(otherwise, pattern);
                Mark(holds);
                break;
            case IDeclarationPatternOperation { MatchesNull: true } any:
                Declare(any.DeclaredSymbol, value, pattern);
                break;
            case IRecursivePatternOperation { DeconstructionSubpatterns.IsEmpty: false, PropertySubpatterns.IsEmpty: true } recursive when type is INamedTypeSymbol { IsTupleType: true } tuple:
                for (var i = 0; i < recursive.DeconstructionSubpatterns.Length; i++)
                    TestPattern(Item(value, i, pattern), tuple.TupleElements[i].Type, recursive.DeconstructionSubpatterns[i], otherwise);
                Declare(recursive.DeclaredSymbol, value, pattern);
                break;
            case IDeclarationPatternOperation { MatchedType: { } matched } declaration when Matches(matched, type):
                Declare(declaration.DeclaredSymbol, Present(value, type, pattern, otherwise), pattern);
                break;
            case ITypePatternOperation { MatchedType: var matched } when Matches(matched, type):
                Present(value, type, pattern, otherwise);
                break;
            case IRecursivePatternOperation { DeconstructionSubpatterns.IsEmpty: true, PropertySubpatterns.IsEmpty: true } recursive when CanBeNull(type) || HostTypes.IsHost(type):
                Declare(recursive.DeclaredSymbol, Present(value, type, pattern, otherwise), pattern);
                break;
            case IConstantPatternOperation or IRelationalPatternOperation when HostTypes.UnderNullable(type) is { } underlying && HostTypes.IsHost(underlying):
                TestPattern(Present(value, type, pattern, otherwise), underlying, pattern, otherwise);
                break;
            default:
                Report("DPO0013", pattern, "this pattern", "use constants, relational patterns, `is null`, `is { } name`, `and`, `or`, `not` and tuples of them");
                break;
        }
    }

    /// <summary>A type pattern that asks for no more than that the value is there.</summary>
    private static bool Matches(ITypeSymbol? matched, ITypeSymbol? type) =>
        (TorchTypes.IsTensor(matched) && TorchTypes.IsTensor(type))
        || (HostTypes.IsHost(matched) && SymbolEqualityComparer.Default.Equals(matched, HostTypes.UnderNullable(type) ?? type));

    /// <summary>The value where it is not null; elsewhere control goes to <paramref name="otherwise"/>.</summary>
    private int Present(int value, ITypeSymbol? type, IOperation at, Label otherwise)
    {
        if (!CanBeNull(type))
            return value;
        BranchFalse(Not(IsNull(value, at), at), otherwise, at);
        return HostTypes.UnderNullable(type) is { } underlying ? Unwrap(value, underlying, at) : value;
    }

    private void Declare(ISymbol? symbol, int value, IOperation at)
    {
        if (symbol is not null)
            StoreTo(symbol, value, at);
    }

    private void TestConstant(int value, ITypeSymbol? type, IOperation constant, Label otherwise, IOperation at)
    {
        if (constant.ConstantValue is { HasValue: true, Value: null })
        {
            BranchFalse(IsNull(value, at), otherwise, at);
            return;
        }

        var underlying = HostTypes.UnderNullable(type);
        var present = Present(value, underlying is null ? null : type, at, otherwise);
        var literal = Constant(constant, underlying ?? type, constant.ConstantValue.Value);
        BranchFalse(Host(HostOperation.Binary, HostKind.Bool, "==", at, present, literal), otherwise, at);
    }
}
