using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <content>Members of TorchSharp: calls, properties, brackets.</content>
internal sealed partial class BodyReader
{
    /// <summary>Members that bring a tensor's values to the host.</summary>
    private static readonly HashSet<string> HostReads = new(StringComparer.Ordinal)
    {
        "item", "data", "tolist", "ToDouble", "ToSingle", "ToHalf", "ToBFloat16", "ToInt64", "ToInt32", "ToInt16", "ToByte", "ToSByte", "ToBoolean", "ToScalar",
        "ReadCpuDouble", "ReadCpuSingle", "ReadCpuInt64", "ReadCpuInt32", "ReadCpuBool", "str", "ToString", "print",
    };

    private int TorchMember(ISymbol member, IOperation? instance, IReadOnlyList<IArgumentOperation> arguments, IOperation at)
    {
        var name = member.Name;
        if (HostReads.Contains(name))
            return Report("DPO0016", at, "`" + name + "`");
        if (name.Length > 1 && name.EndsWith("_", StringComparison.Ordinal))
            return Report("DPO0021", at, name, name.TrimEnd('_'));
        if (instance is not null && arguments.Count == 0 && TorchSpellings.Conversions.TryGetValue(name, out var dtype))
        {
            var tensor = Expression(instance);
            return Torch("to_type", at, ("self", tensor), ("dtype", DType(dtype, at)));
        }

        if (TorchSpellings.Identities.Contains(name))
            return Expression(instance ?? arguments[0].Value);
        var row = TorchSpellings.Find(name, arguments.Select(a => a.Parameter?.Name ?? "").ToArray());
        return row is null ? Report("DPO0015", at, name) : TorchCall(row, instance, arguments, at);
    }

    private int TorchCall(Spelling row, IOperation? instance, IReadOnlyList<IArgumentOperation> arguments, IOperation at)
    {
        var given = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        if (instance is not null)
            given.Add("self", [Expression(instance)]);
        foreach (var argument in arguments)
        {
            var parameter = argument.Parameter!;
            if (TorchSpellings.Fixed.Contains(parameter.Name))
                CheckFixed(argument, at);
            else if (!TorchSpellings.Ignored.Contains(parameter.Name) && argument.Value.ConstantValue is not { HasValue: true, Value: null })
                Collect(row, argument, given);
        }

        // alpha scales the second operand of an addition.
        if (row.Operation == "add" && given.TryGetValue("alpha", out var alpha))
        {
            given["other"] = [Torch("mul", at, ("self", given["other"][0]), ("other", alpha[0]))];
            given.Remove("alpha");
        }

        var named = new List<(string, int)>();
        foreach (var argument in row.Arguments)
        {
            if (!given.TryGetValue(argument.Name, out var values))
                continue;
            // A tuple comes whole as an array, or in pieces as `dim0, dim1`.
            var whole = argument.Role is not (ArgumentRole.Wholes or ArgumentRole.Values) || (values.Count == 1 && IsTuple(values[0]));
            named.Add((argument.Name, whole ? values[0] : Emit(Opcode.Tuple, at, arguments: values.ToEquatableArray())));
        }

        return named.Any(n => n.Item2 == Poison) ? Poison : Torch(row.Operation, at, named.ToArray());
    }

    private void Collect(Spelling row, IArgumentOperation argument, Dictionary<string, List<int>> given)
    {
        var target = row.Arguments.First(a => a.Sources.Contains(argument.Parameter!.Name, StringComparer.Ordinal));
        var value = target.Role == ArgumentRole.Text ? ConstantText(argument) : Expression(argument.Value);
        if (target.Role == ArgumentRole.Whole || (target.Role == ArgumentRole.Wholes && KindOf2(argument.Value.Type) is not null))
            value = ToWhole(value, argument);
        if (value >= 0 && code[value].Opcode == Opcode.Null)
            return;
        if (!given.TryGetValue(target.Name, out var values))
            given.Add(target.Name, values = []);
        values.Add(value);
    }

    private int ConstantText(IArgumentOperation argument) => argument.Value.ConstantValue is { HasValue: true, Value: string text }
        ? Emit(Opcode.Literal, argument, text, kind: HostKind.Enum, enumType: "string")
        : Report("DPO0017", argument, "write the text as a constant");

    private static HostKind? KindOf2(ITypeSymbol? type) => HostTypes.KindOf(HostTypes.UnderNullable(type) ?? type);

    private bool IsTuple(int register) =>
        register == Poison || code[register] is not { Opcode: Opcode.Literal or Opcode.Host or Opcode.Range } and not { Opcode: Opcode.Torch, Text: "size" or "numel" or "ndim" };

    private void CheckFixed(IArgumentOperation argument, IOperation at)
    {
        var parameter = argument.Parameter!;
        var value = argument.Value;
        while (value is IConversionOperation { IsImplicit: true } conversion)
            value = conversion.Operand;
        var isDefault = argument.ArgumentKind == ArgumentKind.DefaultValue
            || (value.ConstantValue.HasValue && parameter.HasExplicitDefaultValue && Equals(value.ConstantValue.Value, parameter.ExplicitDefaultValue))
            || value is IDefaultValueOperation
            // The device of a tensor of the objective is the device of all of them.
            || value is IPropertyReferenceOperation { Property.Name: "device", Instance: { } tensor } && TorchTypes.IsTensor(tensor.Type);
        // `relu(x, inplace: false)` where the parameter has no default.
        if (!isDefault && value.ConstantValue is not { HasValue: true, Value: false })
            Report("DPO0022", argument, parameter.Name, at is IInvocationOperation call ? call.TargetMethod.Name : "this call");
    }

    private int DType(string name, IOperation at) =>
        Emit(Opcode.Literal, at, "global::TorchSharp.torch.ScalarType." + name, kind: HostKind.Enum, enumType: "global::TorchSharp.torch.ScalarType");

    private int Property(IPropertyReferenceOperation property)
    {
        var symbol = property.Property;
        if (TorchTypes.IsTensor(symbol.ContainingType) && property.Instance is { } instance)
        {
            if (symbol.IsIndexer)
                return Index(instance, property.Arguments, property);
            return symbol.Name is "device" or "requires_grad" or "grad" or "is_cuda"
                ? Report("DPO0015", property, symbol.Name)
                : TorchMember(symbol, instance, [], property);
        }

        if (HostTypes.UnderNullable(symbol.ContainingType) is { } type && property.Instance is { } nullable)
        {
            var value = Expression(nullable);
            return symbol.Name == "HasValue" ? Not(IsNull(value, property), property) : PresentValue(value, type, property);
        }

        if (symbol.Name is "Length" or "LongLength" && IsShape(property.Instance) is { } tensor)
        {
            var rank = Torch("ndim", property, ("self", Expression(tensor)));
            return symbol.Name == "Length" ? Host(HostOperation.Convert, HostKind.Int32, "", property, rank) : rank;
        }

        return TorchTypes.InTorchSharp(symbol.ContainingType) ? Report("DPO0015", property, symbol.Name) : Report("DPO0019", property, symbol.Name);
    }

    private int Index(IOperation instance, IReadOnlyList<IArgumentOperation> arguments, IOperation at)
    {
        var tensor = Expression(instance);
        int indices;
        if (arguments is [{ Parameter.Type: IArrayTypeSymbol } array])
        {
            indices = Expression(array.Value);
        }
        else
        {
            var items = new List<int>();
            foreach (var argument in arguments)
                items.Add(ToWhole(Expression(argument.Value), argument));
            indices = Emit(Opcode.Tuple, at, arguments: items.ToEquatableArray());
        }

        return Torch("index", at, ("self", tensor), ("indices", indices));
    }

    private int Range(IRangeOperation range) => Slice(range, ("start", range.LeftOperand), ("stop", range.RightOperand));

    private int Slice(IOperation at, params (string Name, IOperation? Bound)[] bounds)
    {
        var names = new List<string>();
        var registers = new List<int>();
        foreach (var (name, bound) in bounds)
        {
            if (bound is null || bound.ConstantValue is { HasValue: true, Value: null })
                continue;
            var value = Expression(bound);
            if (value >= 0 && code[value].Opcode == Opcode.Null)
                continue;
            names.Add(name);
            registers.Add(ToWhole(value, bound));
        }

        return Emit(Opcode.Range, at, "..", registers.ToEquatableArray(), names.ToEquatableArray());
    }

    /// <summary>The factories of TensorIndex.</summary>
    private int TensorIndexCall(IInvocationOperation invocation)
    {
        var arguments = invocation.Arguments.OrderBy(a => a.Parameter?.Ordinal ?? 0).ToArray();
        switch (invocation.TargetMethod.Name)
        {
            case "Slice" when arguments.Length == 3:
                return Slice(invocation, ("start", arguments[0].Value), ("stop", arguments[1].Value), ("step", arguments[2].Value));
            case "Slice" when arguments[0].Value is ITupleOperation { Elements: [var start, var stop] }:
                return Slice(invocation, ("start", start), ("stop", stop));
            case "Slice" when arguments[0].Value is IRangeOperation range:
                return Range(range);
            case "Single" or "Tensor":
                return ToWholeIfNumber(Expression(arguments[0].Value), arguments[0]);
            default:
                return Report("DPO0015", invocation, "TensorIndex." + invocation.TargetMethod.Name);
        }
    }

    private int ToWholeIfNumber(int value, IOperation at) => value >= 0 && KindOf(value) == HostKind.Int32 ? ToWhole(value, at) : value;
}
