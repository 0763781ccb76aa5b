using System.Globalization;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>What a row of <see cref="TorchRules"/> sees of one equation.</summary>
internal sealed class TorchRow
{
    private readonly TorchMethod method;

    public TorchRow(TorchMethod method, Equation equation) => (this.method, Equation) = (method, equation);

    public Equation Equation { get; }

    public TensorType Type => method.Program.Types[Equation.Result];

    /// <summary>The first operand as a tensor.</summary>
    public string X => Tensor(0);

    /// <summary>The second operand as a tensor.</summary>
    public string Z => Tensor(1);

    public int Axis => ((Parameters.Axis)Equation.Parameters).Position;

    public TorchContraction? Contraction => method.ContractionOf(Equation);

    public bool IsNumber(int operand) => !Equation.Operands[operand].IsVariable;

    public TensorType TypeOf(int operand) => method.TypeOf(Equation.Operands[operand]);

    public string NameOf(int variable) => method.NameOf(variable);

    /// <summary>An operand as a tensor; a number becomes one without axes.</summary>
    public string Tensor(int operand) => IsNumber(operand)
        ? method.ScalarTensor(Equation.Operands[operand], KindOf(operand))
        : method.NameOf(Equation.Operands[operand].Id);

    /// <summary>An operand that is a number, as a Scalar; a tensor as it is: TorchSharp's operators take both.</summary>
    public string Operand(int operand) => IsNumber(operand) && Equation.Operands.Any(o => o.IsVariable)
        ? method.Number(Equation.Operands[operand], KindOf(operand))
        : Tensor(operand);

    /// <summary>What the first operand is where the host knows it for each backward, so that what is not chosen is no part of what autograd records.</summary>
    public string? HostCondition => method.UpstreamOf(Equation) is { } scalar ? $"scalars[{Text(scalar)}] != 0" : null;

    /// <summary>An operand as a tensor of the result's extents.</summary>
    public string Whole(int operand) => IsNumber(operand) && Type.Rank > 0 ? $"{Tensor(operand)}.expand({Shape(Type.Extents)})" : Tensor(operand);

    public string Number(double number) => method.Number(Atom.Literal(number), ElementKind.Real);

    public string NumberTensor(double number) => method.ScalarTensor(Atom.Literal(number), ElementKind.Real);

    public string FillNumber() => method.Number(Equation.Operands[0], Type.Kind);

    public string SizeNumber(Extent extent) => method.SizeNumber(extent);

    public string Size(Extent extent) => method.Size(extent);

    /// <summary>Where a constant slice of this many elements ends.</summary>
    public string End(Parameters.Slice slice, Extent count)
    {
        var length = slice.Step == 1 ? Size(count) : Text(slice.Step) + "L * " + (count.Terms.Count + (count.Constant == 0 ? 0 : 1) > 1 ? $"({Size(count)})" : Size(count));
        return slice.Start == Extent.Fixed(0) ? length : $"{Size(slice.Start)} + {length}";
    }

    public string Shape(IEnumerable<Extent> extents) => method.Shape(extents);

    public string Shape(IEnumerable<Extent> extents, IEnumerable<Extent> flattened) => method.Shape(extents, flattened);

    public string DType => method.DType(Type.Kind);

    public string DTypeOf(ElementKind kind) => method.DType(kind);

    public string Device => method.Device();

    /// <summary>Positions as an array.</summary>
    public static string Positions(IEnumerable<int> positions) => "new[] { " + string.Join(", ", positions.Select(p => Text(p) + "L")) + " }";

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Numbers take the kind of the tensors they meet; a condition is one.</summary>
    private ElementKind KindOf(int operand)
    {
        if (Equation.Primitive == Primitive.Where && operand == 0)
            return ElementKind.Boolean;
        if (Equation.Primitive is Primitive.And or Primitive.Or or Primitive.Xor or Primitive.Not)
            return ElementKind.Boolean;
        if (Equation.Primitive is Primitive.Fill or Primitive.Where)
            return Type.Kind;
        foreach (var other in Equation.Operands)
            if (other.IsVariable)
                return method.Program.Types[other.Id].Kind;
        return ElementKind.Real;
    }
}
