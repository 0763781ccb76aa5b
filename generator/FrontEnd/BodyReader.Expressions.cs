using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <content>Expressions: the dispatch, names, tuples, arrays and assignments.</content>
internal sealed partial class BodyReader
{
    private int Expression(IOperation operation)
    {
        Enter();
        if (operation.ConstantValue.HasValue && operation is not IConversionOperation { OperatorMethod: not null })
            return Constant(operation, operation.Type, operation.ConstantValue.Value);
        return operation switch
        {
            IInvalidOperation => Invalid(),
            ILocalReferenceOperation local => Local(local),
            IParameterReferenceOperation parameter => Parameter(parameter),
            IConversionOperation conversion => Conversion(conversion),
            IBinaryOperation binary => Binary(binary),
            IUnaryOperation unary => Unary(unary),
            IInvocationOperation invocation => Invocation(invocation),
            IPropertyReferenceOperation property => Property(property),
            IFieldReferenceOperation field => Field(field),
            IArrayElementReferenceOperation element => ArrayElement(element),
            IImplicitIndexerReferenceOperation element => ImplicitIndexer(element),
            IConditionalOperation { WhenFalse: { } } conditional => Conditional(conditional),
            ISwitchExpressionOperation choice => SwitchExpression(choice),
            IIsPatternOperation test => Condition(test),
            IIsTypeOperation test => Condition(test),
            ICoalesceOperation coalesce => Coalesce(coalesce),
            IConditionalAccessOperation access => ConditionalAccess(access),
            IConditionalAccessInstanceOperation when conditionals.Count > 0 => conditionals.Peek(),
            ITupleOperation tuple => Emit(Opcode.Tuple, tuple, arguments: All(tuple.Elements)),
            IArrayCreationOperation array => Array(array),
            ICollectionExpressionOperation collection => Collection(collection, collection.Elements),
            IObjectCreationOperation creation => Creation(creation),
            IRangeOperation range => Range(range),
            IDefaultValueOperation => Emit(Opcode.Null, operation),
            IThrowOperation thrown => Throw(thrown),
            ISimpleAssignmentOperation assignment => Assign(assignment.Target, Expression(assignment.Value), assignment),
            ICompoundAssignmentOperation assignment => CompoundAssignment(assignment),
            ICoalesceAssignmentOperation assignment => CoalesceAssignment(assignment),
            IDeconstructionAssignmentOperation assignment => Assign(assignment.Target, Expression(assignment.Value), assignment),
            IIncrementOrDecrementOperation step => Step(step),
            IDeclarationExpressionOperation declaration => Expression(declaration.Expression),
            IParenthesizedOperation parenthesized => Expression(parenthesized.Operand),
            _ => Beyond(operation),
        };
    }

    private int Beyond(IOperation operation)
    {
        var (construct, advice) = Unsupported.Expression(operation);
        return Report("DPO0013", operation, construct, advice);
    }

    private EquatableArray<int> All(IEnumerable<IOperation> operations)
    {
        var registers = new List<int>();
        foreach (var operation in operations)
            registers.Add(Expression(operation));
        return registers.ToEquatableArray();
    }

    private int Constant(IOperation at, ITypeSymbol? type, object? value)
    {
        if (value is null)
            return Emit(Opcode.Null, at);
        if (type is { TypeKind: TypeKind.Error })
            return Invalid();
        var target = HostTypes.UnderNullable(type) ?? type;
        if (target is null || HostTypes.Literal(target, value) is not var (kind, text))
            return Report("DPO0018", at, type?.ToDisplayString() ?? "this type");
        return Emit(Opcode.Literal, at, text, kind: kind, enumType: HostTypes.EnumName(target));
    }

    private int Local(ILocalReferenceOperation local)
    {
        if (registers.TryGetValue(local.Local, out var register))
            return register;
        if (storage.TryGetValue(local.Local, out var number))
            return Load(number, local);
        // Read before any write: C# reports it; or a local that an unsupported statement declares, reported there.
        return Invalid();
    }

    private int Parameter(IParameterReferenceOperation parameter)
    {
        if (!SymbolEqualityComparer.Default.Equals(parameter.Parameter.ContainingSymbol, method) && !SymbolEqualityComparer.Default.Equals(parameter.Parameter, Receiver))
            return Beyond(parameter);
        return storage.TryGetValue(parameter.Parameter, out var local)
            ? Load(local, parameter)
            : Emit(Opcode.Parameter, parameter, parameter.Parameter.Name);
    }

    private int Field(IFieldReferenceOperation field)
    {
        if (field.Instance is { Type.IsTupleType: true } tuple && TupleIndex(field.Field) is var index and >= 0)
            return Item(Expression(tuple), index, field);
        if (TorchTypes.IsTensorIndex(field.Field.ContainingType))
        {
            return field.Field.Name switch
            {
                "Ellipsis" => Emit(Opcode.Range, field, "..."),
                "Colon" => Emit(Opcode.Range, field, ".."),
                _ => Emit(Opcode.Null, field),
            };
        }

        return TorchTypes.InTorchSharp(field.Field.ContainingType) && TorchTypes.IsScalarType(field.Field.Type) && TorchSpellings.DTypes.TryGetValue(field.Field.Name, out var dtype)
            ? DType(dtype, field)
            : Report("DPO0019", field, field.Field.Name);
    }

    private static int TupleIndex(IFieldSymbol field)
    {
        var element = field.CorrespondingTupleField ?? field;
        var elements = field.ContainingType.TupleElements;
        for (var i = 0; i < elements.Length; i++)
            if (SymbolEqualityComparer.Default.Equals(elements[i].CorrespondingTupleField ?? elements[i], element) || elements[i].Name == field.Name)
                return i;
        return -1;
    }

    private int Item(int tuple, int index, IOperation at, bool fromEnd = false) =>
        Emit(Opcode.Item, at, (fromEnd ? "^" : "") + index.ToString(System.Globalization.CultureInfo.InvariantCulture), [tuple]);

    private int Array(IArrayCreationOperation array) =>
        array is { Initializer: { } initializer, Type: IArrayTypeSymbol { Rank: 1 } }
            ? Collection(array, initializer.ElementValues)
            : array is { DimensionSizes: [{ ConstantValue: { HasValue: true, Value: 0 } }] }
                ? Emit(Opcode.Tuple, array)
                : Report("DPO0013", array, "an array without its elements", "list the elements: `[a, b]`");

    private int Collection(IOperation at, IEnumerable<IOperation> elements)
    {
        var registers = new List<int>();
        foreach (var element in elements)
        {
            registers.Add(element is ISpreadOperation
                ? Report("DPO0013", element, "a spread element", "list the elements one by one")
                : Expression(element));
        }

        return Emit(Opcode.Tuple, at, arguments: registers.ToEquatableArray());
    }

    /// <summary><c>new List&lt;Tensor&gt; { a, b }</c>, <c>new double?(x)</c>.</summary>
    private int Creation(IObjectCreationOperation creation)
    {
        if (HostTypes.UnderNullable(creation.Type) is not null && creation.Arguments is [var value])
            return Expression(value.Value);
        if (creation is { Arguments.Length: 0, Initializer: { } initializer } && creation.Type?.Name == "List"
            && initializer.Initializers.All(i => i is IInvocationOperation { TargetMethod.Name: "Add", Arguments.Length: 1 }))
        {
            return Collection(creation, initializer.Initializers.Select(i => ((IInvocationOperation)i).Arguments[0].Value));
        }

        return Beyond(creation);
    }

    private int ArrayElement(IArrayElementReferenceOperation element)
    {
        if (element.Indices is not [var index])
            return Beyond(element);
        var position = ConstantIndex(index, out var fromEnd);
        if (IsShape(element.ArrayReference) is { } tensor)
        {
            var dimension = position is { } known ? Whole(fromEnd ? -known : known, index) : ToWhole(Expression(index), index);
            return Torch("size", element, ("self", Expression(tensor)), ("dim", dimension));
        }

        return ItemAt(element.ArrayReference, position, fromEnd, element);
    }

    private int ItemAt(IOperation array, long? position, bool fromEnd, IOperation at) => position is >= 0 and <= int.MaxValue and var known
        ? Item(Expression(array), (int)known, at, fromEnd)
        : Report("DPO0017", at, "index an array with a constant (`parts[0]`)");

    /// <summary>Indexing by <c>^1</c> as the compiler lowers it for arrays and spans.</summary>
    private int ImplicitIndexer(IImplicitIndexerReferenceOperation element)
    {
        if (IsShape(element.Instance) is { } tensor && ConstantIndex(element.Argument, out var fromEnd) is { } position)
            return Torch("size", element, ("self", Expression(tensor)), ("dim", Whole(fromEnd ? -position : position, element)));
        return element.Instance is { Type: IArrayTypeSymbol }
            ? ItemAt(element.Instance, ConstantIndex(element.Argument, out var isFromEnd), isFromEnd, element)
            : Report("DPO0017", element, "index an array with a constant (`parts[0]`)");
    }

    private static long? ConstantIndex(IOperation index, out bool fromEnd)
    {
        fromEnd = false;
        while (index is IConversionOperation { ConstantValue.HasValue: false } conversion)
            index = conversion.Operand;
        if (index is IUnaryOperation { OperatorKind: UnaryOperatorKind.Hat } hat)
        {
            fromEnd = true;
            index = hat.Operand;
        }

        return index.ConstantValue is { HasValue: true, Value: int or long } ? System.Convert.ToInt64(index.ConstantValue.Value) : null;
    }

    /// <summary>The tensor whose <c>shape</c> (or <c>size()</c>) this is.</summary>
    private static IOperation? IsShape(IOperation? operation) => operation switch
    {
        IPropertyReferenceOperation { Property.Name: "shape", Instance: { } tensor } when TorchTypes.IsTensor(tensor.Type) => tensor,
        IInvocationOperation { TargetMethod: { Name: "size", Parameters.Length: 0 }, Instance: { } tensor } when TorchTypes.IsTensor(tensor.Type) => tensor,
        _ => null,
    };

    /// <summary>Writes a value to a target; tuples are taken apart. The result is the value.</summary>
    private int Assign(IOperation target, int value, IOperation at)
    {
        switch (target)
        {
            case IDeclarationExpressionOperation declaration:
                return Assign(declaration.Expression, value, at);
            case IDiscardOperation:
                return value;
            case ILocalReferenceOperation local:
                StoreTo(local.Local, value, at);
                return value;
            case IParameterReferenceOperation parameter:
                StoreTo(parameter.Parameter, value, at);
                return value;
            case ITupleOperation tuple:
                for (var i = 0; i < tuple.Elements.Length; i++)
                    Assign(tuple.Elements[i], Item(value, i, at), at);
                return value;
            case IFieldReferenceOperation { Instance: { Type: INamedTypeSymbol { IsTupleType: true } type } instance } field when TupleIndex(field.Field) is var index and >= 0:
                var whole = Expression(instance);
                var items = Enumerable.Range(0, type.TupleElements.Length).Select(i => i == index ? value : Item(whole, i, at)).ToEquatableArray();
                Assign(instance, Emit(Opcode.Tuple, at, arguments: items), at);
                return value;
            default:
                return Report("DPO0013", target, "an assignment to this target", "assign to a local");
        }
    }

    private int CompoundAssignment(ICompoundAssignmentOperation assignment)
    {
        var left = Expression(assignment.Target);
        var right = Expression(assignment.Value);
        int value;
        if (assignment.OperatorMethod is { } method)
        {
            value = TorchOperator(method, assignment, left, right);
        }
        else if (HostTypes.KindOf(assignment.Target.Type) is { } kind && OperatorText(assignment.OperatorKind) is { } text && HostTypes.IsHost(assignment.Value.Type))
        {
            // `n += x` computes in the promoted type and converts back.
            var promoted = assignment.InConversion.Exists && !assignment.InConversion.IsIdentity ? HostTypes.KindOf(assignment.Value.Type)!.Value : kind;
            if (promoted != kind)
                left = Host(HostOperation.Convert, promoted, "", assignment, left);
            value = Host(HostOperation.Binary, promoted, text, assignment, left, right);
            if (promoted != kind)
                value = Host(HostOperation.Convert, kind, "", assignment, value);
        }
        else
        {
            value = Beyond(assignment);
        }

        return Assign(assignment.Target, value, assignment);
    }

    private int CoalesceAssignment(ICoalesceAssignmentOperation assignment)
    {
        var current = Expression(assignment.Target);
        var result = NewLocal();
        Store(result, current, assignment);
        var end = NewLabel();
        BranchFalse(Emit(Opcode.IsNull, assignment, arguments: [current]), end, assignment);
        var value = Expression(assignment.Value);
        Store(result, value, assignment);
        Mark(end);
        return Assign(assignment.Target, Load(result, assignment), assignment);
    }

    private int Step(IIncrementOrDecrementOperation step)
    {
        if (HostTypes.KindOf(step.Target.Type) is not { } kind || step.OperatorMethod is not null)
            return Beyond(step);
        var before = Expression(step.Target);
        var one = Emit(Opcode.Literal, step, kind switch { HostKind.Int64 => "1L", HostKind.Single => "1.0f", HostKind.Double => "1.0", _ => "1" }, kind: kind);
        var after = Host(HostOperation.Binary, kind, step.Kind == OperationKind.Increment ? "+" : "-", step, before, one);
        Assign(step.Target, after, step);
        return step.IsPostfix ? before : after;
    }
}
