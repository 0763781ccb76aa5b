using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>
/// A builder whose every equation is first offered to a table of rules, and then to the equations that are there already: equal
/// equations are one variable. What a rule appends is rewritten in turn, so a table is applied to its end from the leaves up.
/// </summary>
public sealed class RewritingBuilder : ProgramBuilder
{
    /// <summary>Rules that undo each other would never end; the deepest nesting that was seen is a tenth of this.</summary>
    private const int DeepestRewriting = 200;

    private readonly ILookup<Primitive, RewriteRule> rules;
    private readonly Dictionary<Key, EquatableArray<int>> known = [];
    private readonly Dictionary<int, Equation> definitions = [];
    private readonly Dictionary<int, int> uses = [];
    private readonly List<RewriteRule> applied = [];
    private int depth;

    private RewritingBuilder(string name, IEnumerable<RewriteRule> rules)
        : base(name) =>
        this.rules = rules.SelectMany(r => r.Roots.Select(p => (Root: p, Rule: r))).ToLookup(r => r.Root, r => r.Rule);

    /// <summary>The rules that were applied, in order.</summary>
    public IReadOnlyList<RewriteRule> Applied => applied;

    /// <summary>A builder that continues <paramref name="program"/> as it is; only what is appended is rewritten.</summary>
    public static RewritingBuilder Continue(Program program, IEnumerable<RewriteRule> rules, bool keepOutputs = false)
    {
        var builder = new RewritingBuilder(program.Name, rules);
        builder.Continue(program, keepOutputs);
        var uses = CountUses(program);
        for (var variable = 0; variable < uses.Length; variable++)
            builder.uses[variable] = uses[variable];
        foreach (var equation in program.Equations)
        {
            builder.known[Key.Of(equation.Primitive, equation.Parameters, equation.Operands, equation.Results.Select(builder.TypeOf).ToEquatableArray())] = equation.Results;
            foreach (var result in equation.Results)
                builder.definitions[result] = equation;
        }

        return builder;
    }

    /// <summary>The program after the rules. Equations that became unused are still there.</summary>
    public static Program Rewrite(Program program, IEnumerable<RewriteRule> rules) => Rewrite(program, rules, out _);

    /// <inheritdoc cref="Rewrite(Program, IEnumerable{RewriteRule})"/>
    public static Program Rewrite(Program program, IEnumerable<RewriteRule> rules, out IReadOnlyList<RewriteRule> applied)
    {
        var builder = new RewritingBuilder(program.Name, rules);
        foreach (var scalar in program.Host)
            builder.Host(scalar);
        var renamed = new int[program.Types.Count];
        var uses = CountUses(program);
        void Rename(int old, int variable)
        {
            renamed[old] = variable;
            builder.uses[variable] = builder.uses.TryGetValue(variable, out var count) ? count + uses[old] : uses[old];
        }

        foreach (var input in program.Inputs)
            Rename(input.Variable, builder.Input(input.Name, program.Types[input.Variable], input.Differentiable, input.Role));
        foreach (var equation in program.Equations)
        {
            var operands = equation.Operands.Select(o => o.IsVariable ? Atom.Variable(renamed[o.Id]) : o).ToArray();
            var results = builder.Copy(equation, operands, equation.Results.Select(r => program.Types[r]).ToArray());
            for (var i = 0; i < results.Count; i++)
                Rename(equation.Results[i], results[i]);
        }

        foreach (var output in program.Outputs)
            builder.Output(output.Name, renamed[output.Variable], output.Role, output.Reached, output.DType);
        applied = builder.Applied;
        return builder.Build();
    }

    /// <summary>The equation that defines a variable; null for inputs.</summary>
    public Equation? DefinitionOf(Atom atom) => atom.IsVariable && definitions.TryGetValue(atom.Id, out var equation) ? equation : null;

    /// <summary>Whether a variable is read in more than one place, so that it is computed whatever becomes of one reader.</summary>
    public bool IsShared(Atom atom) => atom.IsVariable && uses.TryGetValue(atom.Id, out var count) && count > 1;

    protected override EquatableArray<int> Append(
        Primitive primitive, Parameters parameters, EquatableArray<Atom> operands, EquatableArray<TensorType> resultTypes)
    {
        var key = Key.Of(primitive, parameters, operands, resultTypes);
        if (known.TryGetValue(key, out var results))
            return results;
        depth++;
        results = (depth < DeepestRewriting ? Rewrite(primitive, parameters, operands, resultTypes) : null)
            ?? Define(primitive, parameters, operands, resultTypes);
        depth--;
        known[key] = results;
        return results;
    }

    private EquatableArray<int>? Rewrite(
        Primitive primitive, Parameters parameters, EquatableArray<Atom> operands, EquatableArray<TensorType> resultTypes)
    {
        var redex = new Redex(this, primitive, parameters, operands, resultTypes[0]);
        foreach (var rule in rules[primitive])
        {
            if (rule.Apply(redex) is not { } replacement)
                continue;
            if (!replacement.Atom.IsVariable || replacement.Type != resultTypes[0])
                throw new InvalidOperationException($"{rule.Before} -> {rule.After} makes {replacement.Type} of {resultTypes[0]}.");
            applied.Add(rule);
            return [replacement.Atom.Id];
        }

        return null;
    }

    private EquatableArray<int> Define(
        Primitive primitive, Parameters parameters, EquatableArray<Atom> operands, EquatableArray<TensorType> resultTypes)
    {
        var results = base.Append(primitive, parameters, operands, resultTypes);
        foreach (var result in results)
            definitions[result] = Equations[Equations.Count - 1];
        return results;
    }

    private static int[] CountUses(Program program)
    {
        var uses = new int[program.Types.Count];
        foreach (var operand in program.Equations.SelectMany(e => e.Operands).Where(o => o.IsVariable))
            uses[operand.Id]++;
        foreach (var output in program.Outputs)
            uses[output.Variable]++;
        return uses;
    }

    /// <summary>What makes two equations equal.</summary>
    private sealed record Key(Primitive Primitive, Parameters Parameters, EquatableArray<Atom> Operands, EquatableArray<TensorType> Types)
    {
        public static Key Of(Primitive primitive, Parameters parameters, EquatableArray<Atom> operands, EquatableArray<TensorType> types) =>
            new(primitive, parameters, IsCommutative(primitive) ? operands.OrderBy(o => o.Kind).ThenBy(o => o.Payload).ToEquatableArray() : operands, types);

        private static bool IsCommutative(Primitive primitive) => primitive is Primitive.Add or Primitive.Multiply
            or Primitive.Minimum or Primitive.Maximum or Primitive.Equal or Primitive.NotEqual or Primitive.And or Primitive.Or or Primitive.Xor;
    }
}
