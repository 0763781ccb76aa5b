namespace Dpo.Autodiff.Generator.IR;

/// <summary>
/// A flat typed program in A-normal form: each equation defines the next variables from atoms. Immutable and a value: built only
/// through the program builder, which runs the shape rules.
/// </summary>
/// <param name="Name">The objective's name.</param>
/// <param name="Inputs">The inputs, one for each use of a tensor parameter as one kind.</param>
/// <param name="Host">Scalars computed on the host from hyper-parameters and sizes, in order.</param>
/// <param name="Types">The type of every variable, by id.</param>
/// <param name="Equations">In order of definition.</param>
/// <param name="Outputs">What is returned.</param>
public sealed record Program(
    string Name,
    EquatableArray<ProgramInput> Inputs,
    EquatableArray<HostEquation> Host,
    EquatableArray<TensorType> Types,
    EquatableArray<Equation> Equations,
    EquatableArray<ProgramOutput> Outputs)
{
    /// <summary>The equation that defines each variable; null for inputs.</summary>
    public Equation?[] Definitions()
    {
        var definitions = new Equation?[Types.Count];
        foreach (var equation in Equations)
            foreach (var result in equation.Results)
                definitions[result] = equation;
        return definitions;
    }
}

/// <summary>An input: variable <paramref name="Variable"/> is the tensor parameter <paramref name="Name"/> read as the variable's kind.</summary>
/// <param name="Variable">Its variable id.</param>
/// <param name="Name">The parameter's name in the user's source; upstream gradients are named <c>d_</c> and the output's name.</param>
/// <param name="Differentiable">Real, and not marked [NoGrad]: a gradient is produced for it.</param>
/// <param name="Role">What it is.</param>
public sealed record ProgramInput(int Variable, string Name, bool Differentiable, InputRole Role = InputRole.Parameter);

/// <summary>What an input of a program is.</summary>
public enum InputRole
{
    /// <summary>A tensor parameter of the objective.</summary>
    Parameter,

    /// <summary>The upstream gradient of a result.</summary>
    Upstream,

    /// <summary>What the forward kept for the backward: the output of that role and name.</summary>
    Residual,
}

/// <summary>An output: an atom-free variable under the name it has in the result.</summary>
/// <param name="Name">The name: of a tuple element (or Item1, Value), or for a gradient the parameter's name.</param>
/// <param name="Variable">Its variable id.</param>
/// <param name="Role">What it is.</param>
/// <param name="Reached">For results: the names of the differentiable inputs that reach it, in order. With any it is part of the autograd graph.</param>
/// <param name="DType">For results: what its dtype is promoted from at the call. A gradient has its parameter's dtype.</param>
public sealed record ProgramOutput(string Name, int Variable, OutputRole Role, EquatableArray<string> Reached = default, EquatableArray<DTypeTerm> DType = default)
{
    public bool Differentiable => Reached.Count > 0;
}

/// <summary>
/// One thing that a result's dtype is promoted from. Torch's rule: terms with dimensions promote among themselves; those without count
/// only where they are of a higher category (Boolean, whole, real).
/// </summary>
/// <param name="Source">A parameter's name, or torch's name of a dtype (<c>Float32</c>).</param>
/// <param name="IsParameter">Which of the two.</param>
/// <param name="HasDimensions">Whether the tensor had dimensions where it met the others.</param>
/// <param name="Lift">What the operations on the way ask of it.</param>
/// <param name="WithoutParameter">The optional parameter without which alone it counts; null where it always does.</param>
public sealed record DTypeTerm(string Source, bool IsParameter, bool HasDimensions, DTypeLift Lift, string? WithoutParameter = null);

/// <summary>What an operation asks of the dtype of its operand.</summary>
public enum DTypeLift
{
    /// <summary>Nothing: it stays.</summary>
    None,

    /// <summary>Sums of Booleans and whole numbers are Int64.</summary>
    Sum,

    /// <summary>Division, exp, a number with a fraction: at least Float32.</summary>
    Float,

    /// <summary>The same, before it meets the others.</summary>
    Alone,
}

/// <summary>What an output of a program is.</summary>
public enum OutputRole
{
    /// <summary>A result of the objective.</summary>
    Result,

    /// <summary>The gradient of a parameter.</summary>
    Gradient,

    /// <summary>Kept for the backward.</summary>
    Residual,
}

/// <summary>Results = Primitive[Parameters](Operands).</summary>
/// <param name="Primitive">The operation.</param>
/// <param name="Operands">Variables, literals, host scalars.</param>
/// <param name="Parameters">What else it needs.</param>
/// <param name="Results">The variables it defines: one, but for Sort (values, permutation).</param>
public sealed record Equation(Primitive Primitive, EquatableArray<Atom> Operands, Parameters Parameters, EquatableArray<int> Results)
{
    public int Result => Results[0];
}

/// <summary>What an atom is.</summary>
public enum AtomKind
{
    /// <summary>A variable of the program, by id.</summary>
    Variable,

    /// <summary>A scalar of the host table, by id.</summary>
    Host,

    /// <summary>A number, by its bits.</summary>
    Literal,
}

/// <summary>
/// An operand. Literals keep their bits, so that 0.0 and -0.0 differ and NaN equals itself. The largest double stands for the largest
/// finite number of the compute type.
/// </summary>
public readonly record struct Atom(AtomKind Kind, long Payload)
{
    public bool IsVariable => Kind == AtomKind.Variable;

    public bool IsLiteral => Kind == AtomKind.Literal;

    public bool IsHost => Kind == AtomKind.Host;

    public int Id => (int)Payload;

    public double Number => BitConverter.Int64BitsToDouble(Payload);

    public static Atom Variable(int id) => new(AtomKind.Variable, id);

    public static Atom Host(int id) => new(AtomKind.Host, id);

    public static Atom Literal(double number) => new(AtomKind.Literal, BitConverter.DoubleToInt64Bits(number));

    public bool IsNumber(double number) => IsLiteral && Number == number;
}
