using System.Globalization;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>What a torch operation makes of its arguments.</summary>
internal delegate ElaborateValue TorchOperation(TorchOperationCall call);

/// <summary>One torch operation with its arguments, read by name as what the operation needs.</summary>
internal sealed class TorchOperationCall(ElaboratePath path, ElaborateTensors algebra, string operation, EquatableArray<string> names, IReadOnlyList<ElaborateValue> values)
{
    private const string DTypePrefix = "global::TorchSharp.torch.ScalarType.";

    public string Operation => operation;

    public ElaboratePath Path => path;

    public ElaborateHost Host => path.Host;

    /// <summary>The algebra of tensors.</summary>
    public ElaborateTensors Algebra => algebra;

    public ElaborateTensor Self => Tensor("self");

    public ElaborateTensor Other => Tensor("other");

    /// <summary>An argument, or null where it was left out or is null.</summary>
    public ElaborateValue? Given(string name)
    {
        for (var i = 0; i < names.Count && i < values.Count; i++)
        {
            if (names[i] == name)
                return values[i] is ElaborateValue.Null ? null : values[i] is ElaborateValue.Optional optional ? Resolve(optional) : values[i];
        }

        return null;
    }

    public bool Has(string name) => Given(name) is not null;

    /// <summary>A tensor, or a number beside tensors; an optional tensor that is absent ends the path as eager would.</summary>
    public ElaborateTensor Tensor(string name)
    {
        for (var i = 0; i < names.Count && i < values.Count; i++)
            if (names[i] == name)
                return AsTensor(values[i]);
        throw new ElaborateStop.Refused("DPO0039", "`" + name + "` of `" + operation + "`");
    }

    public ElaborateTensor? MaybeTensor(string name) => Given(name) is { } value ? AsTensor(value) : null;

    public ElaborateTensor AsTensor(ElaborateValue value)
    {
        switch (value)
        {
            case ElaborateTensor tensor:
                return tensor;
            case ElaborateValue.Host { Nullable: { } parameter } number:
                path.Require(Host.IsPresent(parameter), "global::System.InvalidOperationException", "\"Nullable object must have a value.\"");
                return Weak(number);
            case ElaborateValue.Host number:
                return Weak(number);
            case ElaborateValue.Optional optional:
                path.Require(Host.IsPresent(optional.Parameter.Name), "global::System.ArgumentNullException", "\"" + optional.Parameter.Name + "\"");
                return (ElaborateTensor)Resolve(optional)!;
            default:
                throw new ElaborateStop.Refused("DPO0039", "an argument of `" + operation + "`");
        }
    }

    /// <summary>A number of the host, also where TorchSharp made it a tensor.</summary>
    public int Number(string name) => Given(name) switch
    {
        ElaborateValue.Host host => host.Id,
        ElaborateTensor { Number: { } number } => number,
        _ => throw NotConstant(name),
    };

    public int? MaybeNumber(string name) => Has(name) ? Number(name) : null;

    public bool IsNumber(string name) => Given(name) is ElaborateValue.Host or ElaborateTensor { Number: not null };

    /// <summary>The value of a number that the compiler must know.</summary>
    public double Literal(string name) => Host.AsNumber(path.Known(Number(name))) ?? throw NotConstant(name);

    public double Literal(string name, double otherwise) => Has(name) ? Literal(name) : otherwise;

    /// <summary>A whole number that the compiler must know; a choice between constants forks.</summary>
    public long Whole(string name) => path.Whole(Number(name)) ?? throw NotConstant(name);

    public long Whole(string name, long otherwise) => Has(name) ? Whole(name) : otherwise;

    /// <summary>A truth value; a hyper-parameter forks.</summary>
    public bool Flag(string name, bool otherwise = false) => Has(name) ? path.Decide(Number(name)) : otherwise;

    /// <summary>A position, counted from the end where negative.</summary>
    public int Dim(string name, int rank) => Position(Whole(name), rank);

    public int Dim(string name, int rank, long otherwise) => Position(Whole(name, otherwise), rank);

    public int Position(long dim, int rank)
    {
        // Torch lets a scalar have dimension 0 and -1.
        var position = dim < 0 ? dim + rank : dim;
        if (position < 0 || position >= rank)
            throw new ElaborateStop.Refused("DPO0031", "dimension " + Text(dim), "a tensor of " + Text(rank) + (rank == 1 ? " dimension" : " dimensions"));
        return (int)position;
    }

    /// <summary>The positions that a reduction names: all where none.</summary>
    public IReadOnlyList<int> Dims(string name, ElaborateTensor x)
    {
        var all = Enumerable.Range(0, x.Rank).ToArray();
        if (!Has(name))
            return all;
        if (Items(name).All(i => i is ElaborateValue.Null))
            return all;
        var dims = Wholes(name);
        if (dims.Count == 0 || (x.Rank == 0 && dims.All(d => d is 0 or -1)))
            return all;
        return dims.Select(d => Position(d, x.Rank)).Distinct().ToArray();
    }

    /// <summary>A list of whole numbers that the compiler must know.</summary>
    public IReadOnlyList<long> Wholes(string name) => Items(name).Select(item => item is ElaborateValue.Host host && path.Whole(host.Id) is { } whole ? whole : throw NotConstant(name)).ToArray();

    /// <summary>The elements of an array; a single value is an array of one.</summary>
    public IReadOnlyList<ElaborateValue> Items(string name) => Given(name) switch
    {
        ElaborateValue.Tuple tuple => tuple.Items.Any(i => i is ElaborateValue.Poison) ? throw new ElaborateStop.Aborted() : tuple.Items,
        { } single => [single],
        null => throw new ElaborateStop.Refused("DPO0039", "`" + name + "` of `" + operation + "`"),
    };

    /// <summary>A size as an affine form of named sizes, or null for -1.</summary>
    public Extent? Size(ElaborateValue value)
    {
        if (value is not ElaborateValue.Host host)
            throw NotConstant("size");
        var id = path.Known(host.Id);
        if (Host.AsExtent(id) is { } extent)
            return extent == Extent.Fixed(-1) ? null : extent;
        return path.Whole(id) is { } whole ? whole == -1 ? null : Extent.Fixed(whole) : throw new ElaborateStop.Refused("DPO0034", "`" + operation + "`", "use sizes of named axes: `x.size(0)`, multiples and sums of them, or constants");
    }

    /// <summary>The dtype that is asked for: its terms, its kind, and torch's name where it is one.</summary>
    public (EquatableArray<DTypeTerm> Terms, ElementKind? Kind, string? Name)? DType(string name, bool hasDimensions)
    {
        switch (Given(name))
        {
            case null:
                return null;
            case ElaborateValue.StorageType dtype:
                return (dtype.Terms, dtype.Kind, null);
            case ElaborateValue.Host host when Host[path.Known(host.Id)] is { Operation: HostOperation.Literal, Kind: HostKind.Enum, Text: var text } && text.StartsWith(DTypePrefix, StringComparison.Ordinal):
                var dtypeName = text.Substring(DTypePrefix.Length);
                return (ElaborateTensors.FixedType(dtypeName, hasDimensions), KindOf(dtypeName), dtypeName);
            // C# converts the constant 0 to any enum before it converts it to a larger number.
            case ElaborateValue.Host host when Host[path.Known(host.Id)] is { Operation: HostOperation.Convert, Kind: HostKind.Enum } conversion && Host.AsWhole(conversion.Operands[0]) == 0:
                throw Unsupported("C# reads the 0 as a dtype, not as a dimension: write `" + operation + "([0])`");
            default:
                throw NotConstant(name);
        }
    }

    /// <summary>The member of an enum of TorchSharp's (<c>Mean</c>).</summary>
    public string Member(string name, string otherwise)
    {
        if (!Has(name))
            return otherwise;
        var equation = Host[path.Known(Number(name))];
        return equation is { Operation: HostOperation.Literal, Kind: HostKind.Enum, Text: var text } ? text.Substring(text.LastIndexOf('.') + 1) : throw NotConstant(name);
    }

    /// <summary>Constant text.</summary>
    public string Words(string name) =>
        Given(name) is ElaborateValue.Host host && Host[host.Id] is { Operation: HostOperation.Literal, EnumType: "string", Text: var text } ? text : throw NotConstant(name);

    /// <summary>Checks at the call what the extents do not show: otherwise eager would throw too.</summary>
    public void RequireNotNegative(Extent extent, string message)
    {
        if (extent.Constant >= 0 && extent.Terms.All(t => t.Coefficient > 0))
            return;
        var refusal = new ElaborateStop.Refused("DPO0031", message, "this size");
        if (extent.IsFixed)
            throw refusal;
        var positive = new Extent(0, extent.Terms.Where(t => t.Coefficient > 0).ToEquatableArray());
        path.Require(Host.Binary(">=", HostKind.Bool, Host.Size(positive), Host.Size(positive - extent)), "global::System.ArgumentException", "\"" + operation + ": " + message + " is outside its axis.\"");
    }

    public ElaborateStop.Refused NotConstant(string name) =>
        new("DPO0033", "`" + name + "`", "`" + operation + "`", "write a constant, or branch on a hyper-parameter and use a constant in each branch");

    public ElaborateStop.Refused Unsupported(string advice) => new("DPO0032", operation, advice);

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static ElementKind KindOf(string dtype) => dtype switch
    {
        "Bool" => ElementKind.Boolean,
        "Byte" or "Int8" or "Int16" or "Int32" or "Int64" => ElementKind.Integer,
        "Float16" or "Float32" or "Float64" or "BFloat16" => ElementKind.Real,
        _ => throw new ElaborateStop.Refused("DPO0032", dtype, "use a real, whole or Boolean dtype"),
    };

    private ElaborateTensor Weak(ElaborateValue.Host number) => Host[number.Id].Kind == HostKind.Enum
        ? throw new ElaborateStop.Refused("DPO0039", "an argument of `" + operation + "`")
        : algebra.Of(path.Known(number.Id) is var known && Host.AsNumber(known) is not null ? known : number.Id);

    private ElaborateValue? Resolve(ElaborateValue.Optional optional)
    {
        if (path.Present(optional) is not { } parameter)
            return null;
        var tensor = path.Parameter(parameter);
        return optional.IsStopped ? algebra.Stop(tensor) : tensor;
    }
}
