using System.Runtime.CompilerServices;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>One path through the conditions of an objective: what is decided on it, and the equations that it makes.</summary>
/// <remarks>
/// A path is replayed from the start with a list of decisions; at a condition beyond the list it stops, and the search goes on with
/// both answers. Conditions that follow from what is decided do not stop it.
/// </remarks>
internal sealed class ElaboratePath(Function function, ElaborateHost host, IReadOnlyList<bool> decisions, ISet<(string, ElementKind)> uses)
{
    private readonly Dictionary<int, int> known = [];
    private readonly Dictionary<(string, ElementKind), int> inputs = [];
    private readonly Dictionary<string, ElaborateTensor> parameters = new(StringComparer.Ordinal);
    private int decided;

    public ElaborateHost Host { get; } = host;

    /// <summary>The equations; host atoms are ids of <see cref="Host"/>.</summary>
    public ProgramBuilder Trace { get; } = new(function.Name);

    /// <summary>The inputs that were asked for, by parameter and kind.</summary>
    public IReadOnlyDictionary<(string Name, ElementKind Kind), int> Inputs => inputs;

    /// <summary>Of which parameters it was asked whether they are read as which kind.</summary>
    public HashSet<(string, ElementKind)> Asked { get; } = [];

    /// <summary>Whether these parameters are read as this kind elsewhere, so that what is open may read them so too.</summary>
    public bool AreRead(EquatableArray<string> roots, ElementKind kind)
    {
        foreach (var root in roots)
            Asked.Add((root, kind));
        return roots.Count > 0 && roots.All(r => uses.Contains((r, kind)));
    }

    /// <summary>Whether an optional parameter is known to be there.</summary>
    public bool IsPresent(string parameter) => Host.AsTruth(Host.Substitute(Host.IsPresent(parameter), known)) == true;

    /// <summary>The value of a condition; stops the path where it is open.</summary>
    public bool Decide(int condition)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        condition = Host.Substitute(condition, known);
        if (Host.AsTruth(condition) is { } truth)
            return truth;
        var equation = Host[condition];
        switch (equation.Operation, equation.Text)
        {
            case (HostOperation.Unary, "!"):
                return !Decide(equation.Operands[0]);
            case (HostOperation.Binary, "&&"):
                return Decide(equation.Operands[0]) && Decide(equation.Operands[1]);
            case (HostOperation.Binary, "||"):
                return Decide(equation.Operands[0]) || Decide(equation.Operands[1]);
            case (HostOperation.Select, _):
                return Decide(equation.Operands[0]) ? Decide(equation.Operands[1]) : Decide(equation.Operands[2]);
            case (HostOperation.Binary, "!="):
                return !Decide(Host.Binary("==", HostKind.Bool, equation.Operands[0], equation.Operands[1]));
        }

        if (decided == decisions.Count)
            throw new ElaborateStop.Open(condition);
        truth = decisions[decided++];
        Learn(condition, truth);
        return truth;
    }

    /// <summary>Ends the path in an exception where a condition does not hold.</summary>
    public void Require(int condition, string exception, string message)
    {
        if (!Decide(condition))
            throw new ElaborateStop.Thrown(exception, message);
    }

    /// <summary>The value of a whole number that the compiler must know; null where it is not constant on this path.</summary>
    public long? Whole(int id)
    {
        id = Host.Substitute(id, known);
        if (Host.AsWhole(id) is { } whole)
            return whole;
        return Host[id] switch
        {
            { Operation: HostOperation.Select } select => Whole(Decide(select.Operands[0]) ? select.Operands[1] : select.Operands[2]),
            { Operation: HostOperation.Convert, Kind: HostKind.Int32 or HostKind.Int64 } convert
                when Host[convert.Operands[0]].Kind is HostKind.Int32 or HostKind.Int64 => Whole(convert.Operands[0]),
            _ => null,
        };
    }

    /// <summary>The expression with choices that are decided on this path resolved.</summary>
    public int Known(int id) => Host.Substitute(id, known);

    /// <summary>A tensor parameter of the objective that is present.</summary>
    public ElaborateTensor Parameter(FunctionParameter parameter)
    {
        if (parameters.TryGetValue(parameter.Name, out var tensor))
            return tensor;
        var extents = AxisNames.Extents(parameter);
        // What is an index or a condition anywhere has such a dtype at the call: it is read once, and converted where it counts as a number.
        ElementKind? kind = (AreRead([parameter.Name], ElementKind.Integer), AreRead([parameter.Name], ElementKind.Boolean)) switch
        {
            (true, false) => ElementKind.Integer,
            (false, true) => ElementKind.Boolean,
            _ => null,
        };
        tensor = new ElaborateTensor(
            Trace, extents, kind, [new DTypeTerm(parameter.Name, true, extents.Count > 0, DTypeLift.None)], [parameter.Name],
            kind => inputs[(parameter.Name, kind)] = Trace.Input(parameter.Name, new TensorType(kind, extents), kind == ElementKind.Real && !parameter.NoGrad));
        return parameters[parameter.Name] = tensor;
    }

    /// <summary>An optional tensor on this path: null where it is absent.</summary>
    public FunctionParameter? Present(ElaborateValue.Optional optional) =>
        Decide(Host.IsPresent(optional.Parameter.Name)) ? optional.Parameter : null;

    private void Learn(int condition, bool truth)
    {
        known[condition] = Host.Truth(truth);
        var equation = Host[condition];
        if (!truth || equation.Operation != HostOperation.Binary || equation.Text != "==")
            return;
        var (left, right) = (equation.Operands[0], equation.Operands[1]);
        if (Host[right].Operation == HostOperation.Literal)
            known[left] = right;
        else if (Host[left].Operation == HostOperation.Literal)
            known[right] = left;
    }
}

/// <summary>Why the interpretation of a path stops before its end. Caught by the search, never seen outside.</summary>
internal abstract class ElaborateStop : Exception
{
    /// <summary>A condition is open: the path forks.</summary>
    public sealed class Open(int condition) : ElaborateStop
    {
        public int Condition => condition;
    }

    /// <summary>The path throws at the call.</summary>
    public sealed class Thrown(string exception, string? message) : ElaborateStop
    {
        public string Exception => exception;

        /// <summary>C# expression text.</summary>
        public new string? Message => message;
    }

    /// <summary>An instruction is refused: it becomes a finding at its place, and its result is poison.</summary>
    public sealed class Refused(string diagnostic, params string[] arguments) : ElaborateStop
    {
        public string Diagnostic => diagnostic;

        public EquatableArray<string> Arguments { get; } = arguments.ToEquatableArray();
    }

    /// <summary>The path cannot go on: what it branches on was refused.</summary>
    public sealed class Aborted : ElaborateStop;
}
