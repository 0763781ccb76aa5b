using System.Globalization;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>The names of one method's locals, and the numbers, sizes and scalar tensors that its statements turn out to use.</summary>
internal sealed class TorchMethod
{
    private readonly EquatableArray<string> axisNames;
    private readonly HashSet<string> taken = new(StringComparer.Ordinal) { "inputs", "extents", "scalars", "needs", "scope", "real", "device", "_" };
    private readonly Dictionary<int, string> names = [];
    private readonly Dictionary<string, string> axes = new(StringComparer.Ordinal);
    private readonly Dictionary<(Atom Atom, ElementKind Kind), string> numbers = [];
    private readonly Dictionary<(Atom Atom, ElementKind Kind), string> scalarTensors = [];
    private readonly Dictionary<Extent, string> sizeNumbers = [];
    private readonly SourceWriter declarations = new();
    private readonly int[] readers;
    private readonly Dictionary<int, Equation> definitions = [];
    private readonly Dictionary<int, TorchContraction> contractions = [];
    private readonly HashSet<int> fused = [];
    private bool usesReal;
    private bool usesDevice;

    public TorchMethod(Program program, EquatableArray<string> axisNames)
    {
        (Program, this.axisNames) = (program, axisNames);
        readers = new int[program.Types.Count];
        foreach (var equation in program.Equations)
        {
            foreach (var operand in equation.Operands.Where(o => o.IsVariable))
                readers[operand.Id]++;
            foreach (var result in equation.Results)
                definitions[result] = equation;
        }

        foreach (var output in program.Outputs)
            readers[output.Variable]++;
        FindContractions();
        NameVariables();
    }

    public Program Program { get; }

    public string NameOf(int variable) => names[variable];

    public TensorType TypeOf(Atom atom) => atom.IsVariable ? Program.Types[atom.Id] : TensorType.Scalar(ElementKind.Real);

    public bool IsRead(int variable) => readers[variable] > 0;

    /// <summary>Whether the equation is part of a contraction and has no statement of its own.</summary>
    public bool IsFused(Equation equation) => fused.Contains(equation.Result);

    public TorchContraction? ContractionOf(Equation equation) => contractions.TryGetValue(equation.Result, out var contraction) ? contraction : null;

    /// <summary>The host's scalar that a choice asks whether there is an upstream; null where it is another choice.</summary>
    public int? UpstreamOf(Equation choice)
    {
        if (choice.Primitive != Primitive.Where || !choice.Operands[0].IsVariable)
            return null;
        var condition = choice.Operands[0].Id;
        while (definitions.TryGetValue(condition, out var equation) && equation.Primitive == Primitive.Rearrange)
            condition = equation.Operands[0].Id;
        return definitions.TryGetValue(condition, out var fill) && fill is { Primitive: Primitive.Fill, Operands: [{ IsHost: true } scalar] }
            && Program.Host[scalar.Id].Operation == HostOperation.HasUpstream ? scalar.Id : null;
    }

    /// <summary>Whether a variable is a view of an input or of another output, or not dense: returned as it is, it would hand out shared memory.</summary>
    public bool MayShareMemory(int variable)
    {
        var root = variable;
        while (definitions.TryGetValue(root, out var equation))
        {
            var isView = equation.Primitive switch
            {
                Primitive.Rearrange or Primitive.Slice => true,
                Primitive.Where => UpstreamOf(equation) is not null,
                Primitive.Convert => TypeOf(equation.Operands[0]).Kind == Program.Types[root].Kind,
                Primitive.Iota => Program.Types[root].Rank > 1,
                Primitive.Fill => equation.Operands[0].IsVariable,
                _ => equation.Parameters is Parameters.Reduce { Positions.Count: 0 },
            };
            if (isView)
                return true;
            if (equation.Primitive != Primitive.StopGradient || !equation.Operands[0].IsVariable)
                return Program.Outputs.Any(o => o.Variable != variable && Undetached(o.Variable) == root);
            root = equation.Operands[0].Id;
        }

        return true;
    }

    /// <summary>A variable, or what it detaches.</summary>
    private int Undetached(int variable)
    {
        while (definitions.TryGetValue(variable, out var equation) && equation.Primitive == Primitive.StopGradient && equation.Operands[0].IsVariable)
            variable = equation.Operands[0].Id;
        return variable;
    }

    /// <summary>A <c>Scalar</c> that lives as long as the method.</summary>
    public string Number(Atom atom, ElementKind kind)
    {
        var isWhole = kind == ElementKind.Integer && IsWhole(atom);
        var key = (atom, isWhole ? ElementKind.Integer : ElementKind.Real);
        if (numbers.TryGetValue(key, out var name))
            return name;
        // The largest number of the compute type.
        var isLargest = atom.IsLiteral && Math.Abs(atom.Number) == double.MaxValue;
        usesReal |= isLargest;
        var value = isLargest ? $"{(atom.Number < 0 ? "-" : "")}(real == {TorchNames.ScalarType}.Float64 ? double.MaxValue : float.MaxValue)"
            : atom.IsHost ? $"scalars[{Text(atom.Id)}]" : isWhole ? Text((long)atom.Number) + "L" : Literals.CSharp(atom.Number);
        name = NewName(ScalarName(atom) + (isWhole ? "Whole" : ""));
        var comment = atom.IsHost && Formulas.Host(Program, atom.Id) is var meaning && meaning != name ? " // " + meaning : "";
        declarations.Line($"using {TorchNames.Scalar} {name} = {(atom.IsHost && isWhole ? "(long)" : "")}{value};{comment}");
        return numbers[key] = name;
    }

    /// <summary>A number as a tensor without axes, for operations that take tensors only.</summary>
    public string ScalarTensor(Atom atom, ElementKind kind)
    {
        if (scalarTensors.TryGetValue((atom, kind), out var name))
            return name;
        var number = Number(atom, kind);
        name = NewName(ScalarName(atom) + "Tensor");
        declarations.Line($"var {name} = {TorchNames.Torch}.full(global::System.Array.Empty<long>(), {number}, {DType(kind)}, {Device()});");
        return scalarTensors[(atom, kind)] = name;
    }

    /// <summary>A size as a <c>Scalar</c>.</summary>
    public string SizeNumber(Extent extent)
    {
        if (sizeNumbers.TryGetValue(extent, out var name))
            return name;
        var size = Size(extent);
        name = NewName("count");
        declarations.Line($"using {TorchNames.Scalar} {name} = {size};");
        return sizeNumbers[extent] = name;
    }

    /// <summary>A size as an expression of type long.</summary>
    public string Size(Extent extent)
    {
        var text = string.Concat(extent.Terms.Select((t, i) =>
        {
            var sign = t.Coefficient < 0 ? (i == 0 ? "-" : " - ") : i == 0 ? "" : " + ";
            var magnitude = Math.Abs(t.Coefficient);
            return sign + (magnitude == 1 ? "" : Text(magnitude) + "L * ") + AxisLocal(t.Name);
        }));
        if (text.Length == 0)
            return Text(extent.Constant) + "L";
        return extent.Constant == 0 ? text : $"{text} {(extent.Constant < 0 ? "-" : "+")} {Text(Math.Abs(extent.Constant))}L";
    }

    public string Shape(IEnumerable<Extent> extents) => Array(extents.Select(Size));

    /// <summary>A shape whose last size is the product of the last extents.</summary>
    public string Shape(IEnumerable<Extent> extents, IEnumerable<Extent> flattened) =>
        Array(extents.Select(Size).Append(string.Join(" * ", flattened.Select(e => e.Terms.Count + (e.Constant == 0 ? 0 : 1) > 1 ? $"({Size(e)})" : Size(e)))));

    private static string Array(IEnumerable<string> sizes)
    {
        var list = string.Join(", ", sizes);
        return list.Length == 0 ? "global::System.Array.Empty<long>()" : "new[] { " + list + " }";
    }

    /// <summary>The dtype in which a kind is computed.</summary>
    public string DType(ElementKind kind)
    {
        usesReal |= kind == ElementKind.Real;
        return kind switch
        {
            ElementKind.Real => "real",
            ElementKind.Integer => TorchNames.ScalarType + ".Int64",
            _ => TorchNames.ScalarType + ".Bool",
        };
    }

    /// <summary>The device of the inputs.</summary>
    public string Device()
    {
        usesDevice = true;
        return "device";
    }

    /// <summary>What the statements written so far need before them.</summary>
    public void WriteDeclarations(SourceWriter writer)
    {
        var late = declarations.ToString();
        writer.Line($"using var scope = {TorchNames.Torch}.NewDisposeScope();");
        for (var i = 0; i < Program.Inputs.Count; i++)
        {
            var variable = Program.Inputs[i].Variable;
            if (IsRead(variable))
                writer.Line($"var {NameOf(variable)} = inputs[{i}]; // {Program.Types[variable]}");
        }

        // Reals are all of one dtype, the compute dtype; a program whose gradients are constants may have no input left.
        var first = Program.Inputs.Select((input, i) => (input, i)).FirstOrDefault(p => Program.Types[p.input.Variable].Kind == ElementKind.Real);
        if (usesReal)
            writer.Line($"var real = {(first.input is null ? TorchNames.Torch + ".get_default_dtype()" : $"inputs[{Text(first.i)}].dtype")};");
        if (usesDevice)
            writer.Line($"var device = {(Program.Inputs.Count == 0 ? TorchNames.Torch + ".CPU" : "inputs[0].device")};");
        for (var i = 0; i < axisNames.Count; i++)
            if (axes.TryGetValue(axisNames[i], out var local))
                writer.Line($"var {local} = extents[{i}];");
        if (late.Length > 0)
            writer.Line(late.TrimEnd('\n'));
    }

    private string AxisLocal(string axis)
    {
        if (axes.TryGetValue(axis, out var local))
            return local;
        if (!axisNames.Contains(axis))
            throw new InvalidOperationException($"{Program.Name}: no extent is given for the axis {axis}.");
        return axes[axis] = NewName(axis);
    }

    private bool IsWhole(Atom atom) => atom.IsHost
        ? Program.Host[atom.Id].Kind is HostKind.Int32 or HostKind.Int64 or HostKind.Bool
        : atom.Number == Math.Floor(atom.Number) && Math.Abs(atom.Number) <= 1L << 53;

    private string ScalarName(Atom atom)
    {
        if (atom.IsLiteral)
            return atom.Number switch { 0 => "zero", 1 => "one", 2 => "two", 0.5 => "half", -1 => "minusOne", _ => "number" };
        var host = Program.Host[atom.Id];
        return host.Operation switch
        {
            HostOperation.Parameter => host.Text,
            HostOperation.Size when host.Extent!.Terms.Count == 1 => host.Extent.Terms[0].Name + "Size",
            HostOperation.IsPresent => "has" + Pascal(host.Text),
            HostOperation.HasUpstream => "hasUpstream",
            _ => "scalar",
        };
    }

    private void NameVariables()
    {
        foreach (var input in Program.Inputs)
        {
            var kind = Program.Types[input.Variable].Kind;
            var first = Program.Inputs.First(i => i.Name == input.Name) == input;
            names[input.Variable] = NewName(first ? input.Name : input.Name + (kind switch { ElementKind.Real => "Value", ElementKind.Integer => "Index", _ => "Condition" }));
        }

        foreach (var output in Program.Outputs)
            if (!names.ContainsKey(output.Variable))
                names[output.Variable] = NewName(output.Role == OutputRole.Result ? output.Name : "d" + Pascal(output.Name));
        foreach (var equation in Program.Equations)
            for (var i = 0; i < equation.Results.Count; i++)
                if (!names.ContainsKey(equation.Results[i]))
                    names[equation.Results[i]] = NewName(i == 1 ? "order" : TorchRules.Noun(equation.Primitive));
    }

    private void FindContractions()
    {
        foreach (var equation in Program.Equations)
        {
            if (TorchContraction.Find(Program, equation, definitions, readers) is not { } contraction)
                continue;
            contractions[equation.Result] = contraction;
            foreach (var part in contraction.Parts)
                fused.Add(part);
        }
    }

    private string NewName(string wanted)
    {
        var name = SourceWriter.Identifier(string.Concat(wanted.Select(c => char.IsLetterOrDigit(c) ? c : '_')));
        if (name.Length == 0 || char.IsDigit(name[0]))
            name = "_" + name;
        var unique = name;
        for (var i = 2; !taken.Add(unique); i++)
            unique = name.TrimStart('@') + Text(i);
        return unique;
    }

    private static string Pascal(string name) => name.Length == 0 ? name : char.ToUpperInvariant(name[0]) + name.Substring(1);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
