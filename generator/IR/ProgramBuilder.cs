using System.Globalization;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.IR;

/// <summary>The only way to make a <see cref="Program"/>: appends equations, infers and checks their types, and shares host scalars.</summary>
/// <remarks>A shape error here is a fault of the calling pass and throws; users' errors are found, with their places, before.</remarks>
public class ProgramBuilder
{
    private readonly string name;
    private readonly List<ProgramInput> inputs = [];
    private readonly List<HostEquation> host = [];
    private readonly Dictionary<HostEquation, int> hostIds = [];
    private readonly List<TensorType> types = [];
    private readonly List<Equation> equations = [];
    private readonly List<ProgramOutput> outputs = [];

    public ProgramBuilder(string name) => this.name = name;

    /// <summary>A builder that continues <paramref name="program"/>: its variables keep their ids; its outputs are kept only if asked.</summary>
    public static ProgramBuilder From(Program program, bool keepOutputs = false)
    {
        var builder = new ProgramBuilder(program.Name);
        builder.Continue(program, keepOutputs);
        return builder;
    }

    /// <summary>A builder that starts afresh with the name and all host scalars (under the same ids) of <paramref name="program"/>.</summary>
    public static ProgramBuilder WithHostOf(Program program)
    {
        var builder = new ProgramBuilder(program.Name);
        foreach (var equation in program.Host)
            builder.Host(equation);
        return builder;
    }

    public IReadOnlyList<Equation> Equations => equations;

    public IReadOnlyList<ProgramInput> Inputs => inputs;

    public IReadOnlyList<HostEquation> HostTable => host;

    public TensorType TypeOf(int variable) => types[variable];

    public TensorType TypeOf(Atom atom) => atom.IsVariable ? types[atom.Id] : TensorType.Scalar(ElementKind.Real);

    public int Input(string name, TensorType type, bool differentiable, InputRole role = InputRole.Parameter)
    {
        var variable = Define(type);
        inputs.Add(new ProgramInput(variable, name, differentiable, role));
        return variable;
    }

    public void Output(string name, int variable, OutputRole role, EquatableArray<string> reached = default, EquatableArray<DTypeTerm> dtype = default) =>
        outputs.Add(new ProgramOutput(name, variable, role, reached, dtype));

    /// <summary>Appends a host scalar, or finds the equal one.</summary>
    public int Host(HostEquation equation)
    {
        if (hostIds.TryGetValue(equation, out var id))
            return id;
        id = host.Count;
        host.Add(equation);
        hostIds.Add(equation, id);
        return id;
    }

    public int HostParameter(string parameter, HostKind kind, string? enumType = null) =>
        Host(new HostEquation(HostOperation.Parameter, kind, EquatableArray<int>.Empty, parameter, null, enumType));

    public int HostSize(Extent extent) => Host(new HostEquation(HostOperation.Size, HostKind.Int64, EquatableArray<int>.Empty, "", extent));

    public int HostLiteral(double number) => Host(new HostEquation(HostOperation.Literal, HostKind.Double, EquatableArray<int>.Empty, Literals.CSharp(number)));

    public int HostBinary(string symbol, HostKind kind, int left, int right) => Host(new HostEquation(HostOperation.Binary, kind, [left, right], symbol));

    public int HostUnary(string symbol, HostKind kind, int operand) => Host(new HostEquation(HostOperation.Unary, kind, [operand], symbol));

    public int HostConvert(HostKind kind, int operand) =>
        host[operand].Kind == kind ? operand : Host(new HostEquation(HostOperation.Convert, kind, [operand]));

    public int Emit(Primitive primitive, params Atom[] operands) => Emit(primitive, Parameters.Nothing, operands);

    /// <summary>Appends an equation whose result type follows from its operands.</summary>
    public int Emit(Primitive primitive, Parameters parameters, params Atom[] operands) => Infer(primitive, parameters, operands)[0];

    /// <summary>Appends an equation with a declared result type (Convert, Fill, Rearrange, ...).</summary>
    public int EmitDeclared(Primitive primitive, Parameters parameters, TensorType result, params Atom[] operands)
    {
        ShapeRules.Check(primitive, operands.Select(TypeOf).ToArray(), parameters, result);
        return Append(primitive, parameters, operands.ToEquatableArray(), [result])[0];
    }

    /// <summary>Appends an equation like <paramref name="model"/> over other operands, with the same declared extents where it declares them. Returns its results.</summary>
    public EquatableArray<int> Copy(Equation model, IReadOnlyList<Atom> operands, IReadOnlyList<TensorType> resultTypes) =>
        ShapeRules.IsDeclared(model.Primitive)
            ? [EmitDeclared(model.Primitive, model.Parameters, resultTypes[0], operands.ToArray())]
            : Infer(model.Primitive, model.Parameters, operands.ToArray());

    public int Rearrange(int variable, IReadOnlyList<int> source, IReadOnlyList<Extent> extents)
    {
        var type = types[variable];
        var result = type with { Extents = extents.ToEquatableArray() };
        var isIdentity = source.Count == type.Rank && result == type && source.Select((s, i) => s == i).All(same => same);
        return isIdentity
            ? variable
            : EmitDeclared(Primitive.Rearrange, new Parameters.Rearrange(source.ToEquatableArray()), result, Atom.Variable(variable));
    }

    public int Convert(int variable, ElementKind kind, string? dtype = null)
    {
        var type = types[variable];
        return type.Kind == kind && dtype is null
            ? variable
            : EmitDeclared(Primitive.Convert, new Parameters.Convert(dtype), type with { Kind = kind }, Atom.Variable(variable));
    }

    public int Fill(Atom value, EquatableArray<Extent> extents, ElementKind kind = ElementKind.Real) =>
        EmitDeclared(Primitive.Fill, Parameters.Nothing, new TensorType(kind, extents), value);

    public int Iota(int position, EquatableArray<Extent> extents) =>
        EmitDeclared(Primitive.Iota, new Parameters.Axis(position), new TensorType(ElementKind.Integer, extents));

    public int Sum(int variable, params int[] positions) =>
        positions.Length == 0 ? variable : Emit(Primitive.Sum, new Parameters.Reduce(positions.OrderBy(p => p).ToEquatableArray()), Atom.Variable(variable));

    public int Slice(int variable, int position, Extent start, Extent count, long step = 1) =>
        EmitDeclared(Primitive.Slice, new Parameters.Slice(position, start, step), WithExtent(types[variable], position, count), Atom.Variable(variable));

    public int Pad(int variable, int position, Extent start, Extent fullExtent, long step = 1) =>
        EmitDeclared(Primitive.Pad, new Parameters.Slice(position, start, step), WithExtent(types[variable], position, fullExtent), Atom.Variable(variable));

    public int Gather(int source, int index, int position, IReadOnlyList<int> map) =>
        Emit(Primitive.Gather, new Parameters.Gather(position, map.ToEquatableArray()), Atom.Variable(source), Atom.Variable(index));

    public int ScatterAdd(int values, int index, int position, IReadOnlyList<int> map, EquatableArray<Extent> extents) =>
        EmitDeclared(
            Primitive.ScatterAdd,
            new Parameters.Gather(position, map.ToEquatableArray()),
            new TensorType(types[values].Kind, extents),
            Atom.Variable(values),
            Atom.Variable(index));

    public int Contract(int left, int right, int rank, IReadOnlyList<int> leftAxes, IReadOnlyList<int> rightAxes) =>
        Emit(Primitive.Contract, new Parameters.Contract(rank, leftAxes.ToEquatableArray(), rightAxes.ToEquatableArray()), Atom.Variable(left), Atom.Variable(right));

    public (int Values, int Order) Sort(int variable, int position, bool descending)
    {
        var results = Infer(Primitive.Sort, new Parameters.Sort(position, descending), [Atom.Variable(variable)]);
        return (results[0], results[1]);
    }

    /// <summary>The program, verified.</summary>
    public Program Build()
    {
        var program = new Program(
            name,
            inputs.ToEquatableArray(),
            host.ToEquatableArray(),
            types.ToEquatableArray(),
            equations.ToEquatableArray(),
            outputs.ToEquatableArray());
        ProgramVerifier.Verify(program);
        return program;
    }

    /// <summary>Takes over all of a program, its variables under their ids.</summary>
    protected void Continue(Program program, bool keepOutputs)
    {
        inputs.AddRange(program.Inputs);
        foreach (var equation in program.Host)
            Host(equation);
        types.AddRange(program.Types);
        equations.AddRange(program.Equations);
        if (keepOutputs)
            outputs.AddRange(program.Outputs);
    }

    private static TensorType WithExtent(TensorType type, int position, Extent extent) =>
        type with { Extents = type.Extents.Select((e, i) => i == position ? extent : e).ToEquatableArray() };

    /// <summary>Every equation comes through here, its types known: a builder that rewrites may answer with variables that are there already.</summary>
    protected virtual EquatableArray<int> Append(
        Primitive primitive, Parameters parameters, EquatableArray<Atom> operands, EquatableArray<TensorType> resultTypes)
    {
        var results = resultTypes.Select(Define).ToEquatableArray();
        equations.Add(new Equation(primitive, operands, parameters, results));
        return results;
    }

    private EquatableArray<int> Infer(Primitive primitive, Parameters parameters, Atom[] operands) => Append(
        primitive,
        parameters,
        operands.ToEquatableArray(),
        ShapeRules.Infer(primitive, operands.Select(TypeOf).ToArray(), operands.Select(o => !o.IsVariable).ToArray(), parameters));

    private int Define(TensorType type)
    {
        types.Add(type);
        return types.Count - 1;
    }
}

/// <summary>Numbers as text: invariant, shortest that reads back, whatever the culture and the framework.</summary>
public static class Literals
{
    /// <summary>A C# double literal: always with a point or exponent, NaN and infinities spelled out.</summary>
    public static string CSharp(double number)
    {
        if (double.IsNaN(number))
            return "double.NaN";
        if (double.IsInfinity(number))
            return number > 0 ? "double.PositiveInfinity" : "double.NegativeInfinity";
        var text = Shortest(number);
        return text.IndexOfAny(['.', 'E']) < 0 ? text + ".0" : text;
    }

    /// <summary>The shortest of G15, G16, G17 that reads back to the same bits.</summary>
    public static string Shortest(double number)
    {
        if (number == 0 && BitConverter.DoubleToInt64Bits(number) != 0)
            return "-0.0";
        foreach (var format in new[] { "G15", "G16" })
        {
            var text = number.ToString(format, CultureInfo.InvariantCulture);
            if (double.Parse(text, CultureInfo.InvariantCulture) == number)
                return text;
        }

        return number.ToString("G17", CultureInfo.InvariantCulture);
    }
}
