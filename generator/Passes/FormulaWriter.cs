using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>Writes variables of one program as formulas; subexpressions that have a name are written by it.</summary>
internal sealed class FormulaWriter
{
    /// <summary>A subexpression about as long as this gets a name even if it is read once.</summary>
    private const int LongText = 90;

    /// <summary>What repeating a subexpression may cost before it gets a name.</summary>
    private const int RepeatedText = 60;

    private readonly Dictionary<int, Equation> definitions = [];
    private readonly Dictionary<int, string> inputs = [];
    private readonly Dictionary<int, string> names = [];
    private readonly Dictionary<(int Variable, string Indices), FormulaText> written = [];
    private readonly HashSet<int> outputs;
    private readonly bool[] active;
    private readonly int longest;

    /// <param name="program">The program.</param>
    /// <param name="inputNames">What an input is called.</param>
    /// <param name="longest">Beyond this many characters a nameless subexpression is left out; 0 for no limit.</param>
    public FormulaWriter(Program program, Func<ProgramInput, string> inputNames, int longest = 0)
    {
        (Program, this.longest) = (program, longest);
        foreach (var input in program.Inputs)
            inputs[input.Variable] = inputNames(input);
        foreach (var equation in program.Equations)
            foreach (var result in equation.Results)
                definitions[result] = equation;
        outputs = [.. program.Outputs.Select(o => o.Variable)];
        active = Differentiate.Active(program);
    }

    public Program Program { get; }

    /// <summary>The subexpressions that were written by name, in the order in which they were met.</summary>
    public List<int> Met { get; } = [];

    public bool IsNamed(int variable) => names.ContainsKey(variable);

    public string NameOf(int variable) => names[variable];

    public void Name(int variable, string name) => names[variable] = name;

    public bool IsOutput(int variable) => outputs.Contains(variable);

    public bool IsActive(Atom atom) => atom.IsVariable && active[atom.Id];

    public Equation? DefinitionOf(int variable) => definitions.TryGetValue(variable, out var equation) ? equation : null;

    /// <summary>A variable's name or formula at these indices.</summary>
    public FormulaText Write(Atom atom, string[] indices)
    {
        if (atom.IsLiteral)
            return FormulaText.Atom(Number(atom.Number));
        if (atom.IsHost)
            return Formulas.HostText(Program, atom.Id);
        var type = Program.Types[atom.Id];
        if (names.TryGetValue(atom.Id, out var name))
        {
            if (!Met.Contains(atom.Id))
                Met.Add(atom.Id);
            return FormulaText.Atom(name + At(type, indices));
        }

        return inputs.TryGetValue(atom.Id, out var input) ? FormulaText.Atom(input + At(type, indices)) : Formula(atom.Id, indices);
    }

    /// <summary>A variable's formula, whatever its name.</summary>
    public FormulaText Formula(int variable, string[] indices)
    {
        if (!definitions.TryGetValue(variable, out var equation))
            return FormulaText.Atom(inputs[variable] + At(Program.Types[variable], indices));
        if (longest == 0)
            return FormulaRules.Table[equation.Primitive](new FormulaRow(this, equation, variable, indices));
        // Without names a subexpression is written as often as it is read: it is remembered.
        var key = (variable, string.Join(" ", indices));
        if (!written.TryGetValue(key, out var text))
        {
            text = FormulaRules.Table[equation.Primitive](new FormulaRow(this, equation, variable, indices));
            written[key] = text = text.Magnitude.Length > longest ? FormulaText.Atom("...") : text;
        }

        return text;
    }

    /// <summary><c>name[pair] = formula</c>.</summary>
    public string Line(string name, int variable, bool byName = false)
    {
        var indices = FormulaIndex.Of(Program.Types[variable]);
        return name + FormulaIndex.Brackets(Program.Types[variable], indices) + " = " + (byName ? Write(Atom.Variable(variable), indices) : Formula(variable, indices)).Text;
    }

    /// <summary>A host scalar by which something is divided or multiplied, as sizes to divide by and a factor; null where it has no size in it.</summary>
    public (IReadOnlyList<Extent> Divisor, FormulaText? Factor)? SizesIn(int scalar, bool isDivisor)
    {
        var host = Program.Host[scalar];
        if (host.Operation == HostOperation.Convert)
            return SizesIn(host.Operands[0], isDivisor);
        if (isDivisor)
            return Sizes(scalar) is { } sizes ? (sizes, null) : null;
        if (host.Operation != HostOperation.Binary || host.Text != "/" || Sizes(host.Operands[1]) is not { } below)
            return null;
        var above = SizesIn(host.Operands[0], isDivisor: false) ?? (Array.Empty<Extent>(), Formulas.HostText(Program, host.Operands[0]));
        return ([.. above.Divisor, .. below], above.Factor is { Text: "1" } ? null : above.Factor);
    }

    /// <summary>The sizes whose product a host scalar is, or null.</summary>
    private IReadOnlyList<Extent>? Sizes(int scalar)
    {
        var host = Program.Host[scalar];
        return host.Operation switch
        {
            HostOperation.Convert => Sizes(host.Operands[0]),
            HostOperation.Size => [host.Extent!],
            HostOperation.Binary when host.Text == "*" && Sizes(host.Operands[0]) is { } left && Sizes(host.Operands[1]) is { } right => [.. left, .. right],
            _ => null,
        };
    }

    /// <summary>Names what is read more than once, and what would make a line too long.</summary>
    /// <param name="taken">Names that are in use.</param>
    public void NameSubexpressions(HashSet<string> taken)
    {
        var reads = Reads();
        var onlyFlipped = OnlyFlipped();
        foreach (var equation in Program.Equations)
            foreach (var result in equation.Results)
            {
                if (names.ContainsKey(result) || reads[result] == 0 || IsSimple(result) || FormulaRules.IsView(equation.Primitive))
                    continue;
                var length = Formula(result, FormulaIndex.Of(Program.Types[result])).Text.Length;
                if ((reads[result] - 1) * length > RepeatedText || (length > LongText && !IsOutput(result) && !onlyFlipped[result]))
                    names[result] = Unique(FormulaRules.Letter(equation.Primitive), taken);
            }
    }

    /// <summary>What is only read from the other end: it is clearer there than under a name.</summary>
    private bool[] OnlyFlipped()
    {
        var onlyFlipped = Enumerable.Repeat(true, Program.Types.Count).ToArray();
        foreach (var output in outputs)
            onlyFlipped[output] = false;
        foreach (var equation in Program.Equations.Reverse())
            if (equation.Primitive != Primitive.Flip && !equation.Results.All(r => onlyFlipped[r]))
                foreach (var operand in equation.Operands.Where(o => o.IsVariable))
                    onlyFlipped[operand.Id] = false;
        return onlyFlipped;
    }

    /// <summary>How often a variable would be written, views seen through.</summary>
    private int[] Reads()
    {
        var reads = new int[Program.Types.Count];
        foreach (var output in Program.Outputs)
            reads[output.Variable]++;
        for (var i = Program.Equations.Count - 1; i >= 0; i--)
        {
            var equation = Program.Equations[i];
            var times = FormulaRules.IsView(equation.Primitive) ? reads[equation.Result] : 1;
            foreach (var operand in equation.Operands.Where(o => o.IsVariable))
                reads[operand.Id] += times;
        }

        return reads;
    }

    /// <summary>So short that a name would say less.</summary>
    private bool IsSimple(int variable) => !definitions.TryGetValue(variable, out var equation)
        || equation.Primitive is Primitive.Fill or Primitive.Iota
        || ((FormulaRules.IsView(equation.Primitive) || equation.Primitive is Primitive.Negate or Primitive.Convert or Primitive.Not)
            && equation.Operands.All(o => !o.IsVariable || IsSimple(o.Id)))
        || (equation.Primitive == Primitive.Gather && equation.Operands.All(o => !definitions.ContainsKey(o.Id)));

    public static string Unique(string wanted, HashSet<string> taken)
    {
        var name = wanted;
        for (var i = 2; !taken.Add(name); i++)
            name = wanted + i.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return name;
    }

    private static string At(TensorType type, string[] indices) =>
        indices.SequenceEqual(FormulaIndex.Of(type), StringComparer.Ordinal) ? "" : FormulaIndex.Brackets(type, indices);

    private static string Number(double number) =>
        number == Math.Log(2) ? "log(2)"
        : double.IsNaN(number) ? "nan"
        : double.IsInfinity(number) ? (number > 0 ? "inf" : "-inf")
        : Literals.Shortest(number) is "-0.0" ? "0" : Literals.Shortest(number);
}
