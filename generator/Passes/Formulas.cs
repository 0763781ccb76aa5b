using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>An objective in closed form.</summary>
/// <param name="Formula">Each result, and what its subexpressions are, a line each.</param>
/// <param name="Gradients">Each gradient, in the order of the parameters.</param>
/// <param name="Summary">All of it in a few lines, for documentation: text, not XML.</param>
public sealed record ObjectiveFormula(string Formula, EquatableArray<GradientFormula> Gradients, EquatableArray<string> Summary);

/// <summary>The derivative of the first result with respect to one parameter.</summary>
/// <param name="Parameter">The parameter's name.</param>
/// <param name="Text"><c>dL/dchosen[pair] = ...</c>, and what its subexpressions are, a line each.</param>
public sealed record GradientFormula(string Parameter, string Text);

/// <summary>
/// Programs as formulas to be read: the user's names, indices by axis names, subexpressions that are read twice named once. In: the
/// joint program before lowering. Out: text; the same program gives the same text.
/// </summary>
public static partial class Formulas
{
    /// <summary>What documentation shows at most: twelve lines, one of which says how many variants there are.</summary>
    public const int SummaryLines = 11;

    private const int StageComment = 110;

    public static ObjectiveFormula Of(Program forward, Program joint)
    {
        var first = joint.Outputs[0];
        var program = WithUnitUpstream(joint);
        var upstream = "d_" + first.Name;
        var writer = new FormulaWriter(program, input => input.Name == upstream ? "upstream" : input.Name);
        NameResults(writer, program);
        writer.NameSubexpressions(Taken(program));

        var results = new List<Section>();
        var gradients = new List<Section>();
        foreach (var output in program.Outputs)
            if (output.Role == OutputRole.Result)
                results.Add(Write(writer, Shown(output), output.Variable));
            else
                gradients.Add(Write(writer, "dL/d" + output.Name, output.Variable) with { Parameter = output.Name });
        return new ObjectiveFormula(
            Lines(results.Concat(results.SelectMany(r => r.Needs))),
            gradients.Select(g => new GradientFormula(g.Parameter, Lines(g.Needs.Prepend(g)))).ToEquatableArray(),
            Summarise(results, gradients));
    }

    /// <summary>One variable in one line, for the reader of a stage: <c>lse[pair token] = logsumexp[vocab](logits)</c>.</summary>
    public static string Equation(Program program, int variable)
    {
        var writer = new FormulaWriter(program, input => input.Name, StageComment);
        NameResults(writer, program);
        var definition = writer.DefinitionOf(variable);
        var output = program.Outputs.FirstOrDefault(o => o.Variable == variable);
        var name = output is not null ? (output.Role == OutputRole.Result ? Shown(output) : "dL/d" + output.Name)
            : definition is not null ? FormulaRules.Letter(definition.Primitive) : program.Inputs.First(i => i.Variable == variable).Name;
        return writer.Line(name, variable);
    }

    /// <summary>Writes variables in one line each, in terms of the results and of others that have names: <c>sum7[pair] = sum[token](exp(x - max3))</c>.</summary>
    /// <param name="program">The program.</param>
    /// <param name="named">Variables and their names.</param>
    internal static Func<int, string> Equations(Program program, IReadOnlyDictionary<int, string> named)
    {
        var writer = new FormulaWriter(program, input => input.Name, StageComment);
        NameResults(writer, program);
        foreach (var name in named)
            if (writer.DefinitionOf(name.Key) is not null && !writer.IsNamed(name.Key))
                writer.Name(name.Key, name.Value);
        return variable => writer.Line(writer.IsNamed(variable) ? writer.NameOf(variable) : program.Inputs.First(i => i.Variable == variable).Name, variable);
    }

    /// <summary>The gradients of a scalar loss are those of the loss itself: its upstream is 1.</summary>
    private static Program WithUnitUpstream(Program joint)
    {
        var upstream = joint.Inputs.FirstOrDefault(i => i.Name == "d_" + joint.Outputs[0].Name);
        if (upstream is null || joint.Types[upstream.Variable].Rank != 0)
            return joint;
        var builder = ProgramBuilder.WithHostOf(joint);
        var renamed = new int[joint.Types.Count];
        foreach (var input in joint.Inputs)
            renamed[input.Variable] = input == upstream
                ? builder.Fill(Atom.Literal(1), EquatableArray<Extent>.Empty)
                : builder.Input(input.Name, joint.Types[input.Variable], input.Differentiable);
        foreach (var equation in joint.Equations)
        {
            var results = builder.Copy(
                equation,
                equation.Operands.Select(o => o.IsVariable ? Atom.Variable(renamed[o.Id]) : o).ToArray(),
                equation.Results.Select(r => joint.Types[r]).ToArray());
            for (var i = 0; i < results.Count; i++)
                renamed[equation.Results[i]] = results[i];
        }

        foreach (var output in joint.Outputs)
            builder.Output(output.Name, renamed[output.Variable], output.Role, output.Reached, output.DType);
        return DeadCode.Run(Cse.Run(Simplify.Run(builder.Build())));
    }

    /// <summary>Results go by the user's names; so does what a result detaches.</summary>
    private static void NameResults(FormulaWriter writer, Program program)
    {
        foreach (var output in program.Outputs.Where(o => o.Role == OutputRole.Result))
        {
            var variable = output.Variable;
            while (writer.DefinitionOf(variable) is { Primitive: Primitive.StopGradient } detached && detached.Operands[0].IsVariable)
                variable = detached.Operands[0].Id;
            foreach (var named in new[] { output.Variable, variable })
                if (writer.DefinitionOf(named) is not null && !writer.IsNamed(named))
                    writer.Name(named, Shown(output));
        }
    }

    /// <summary>The single result of a method has no name of the user's: it is the L of dL.</summary>
    private static string Shown(ProgramOutput output) => output is { Role: OutputRole.Result, Name: "Value" } ? "L" : output.Name;

    private static HashSet<string> Taken(Program program)
    {
        var taken = new HashSet<string>(StringComparer.Ordinal) { "upstream" };
        foreach (var input in program.Inputs)
            taken.Add(input.Name);
        foreach (var output in program.Outputs)
            taken.Add(Shown(output));
        foreach (var host in program.Host.Where(h => h.Operation is HostOperation.Parameter or HostOperation.IsPresent))
            taken.Add(host.Text);
        foreach (var type in program.Types)
            foreach (var extent in type.Extents)
                foreach (var term in extent.Terms)
                    taken.Add(term.Name);
        return taken;
    }

    /// <summary>One output's line, and those of the named subexpressions and results that it needs, and that these need.</summary>
    private static Section Write(FormulaWriter writer, string name, int variable)
    {
        // What a result detaches has the result's name; its formula is that of the result.
        while (writer.DefinitionOf(variable) is { Primitive: Primitive.StopGradient } detached && detached.Operands[0].IsVariable)
            variable = detached.Operands[0].Id;
        writer.Met.Clear();
        // A gradient that others are written in has a name, and is written by it.
        var isNamed = writer.IsNamed(variable) && !writer.Program.Outputs.Any(o => o.Role == OutputRole.Result && Shown(o) == name);
        var line = writer.Line(name, variable, byName: isNamed);
        var needs = new List<Section>();
        for (var i = 0; i < writer.Met.Count; i++)
        {
            var met = writer.Met[i];
            var isResult = writer.Program.Outputs.Any(o => o.Role == OutputRole.Result && Shown(o) == writer.NameOf(met));
            var where = (isResult ? "" : "where ") + writer.Line(writer.NameOf(met), met);
            if (isNamed || met != variable)
                needs.Add(new Section(where, []));
        }

        return new Section(line, needs);
    }

    /// <summary>The loss, its gradients, what they mean, the other results.</summary>
    private static EquatableArray<string> Summarise(List<Section> results, List<Section> gradients)
    {
        var sections = results.Take(1).Concat(gradients).Concat(results.Skip(1)).ToArray();
        var lines = sections.Take(1 + gradients.Count).Concat(sections.SelectMany(s => s.Needs)).Concat(results.Skip(1)).Select(s => s.Line).Distinct().ToArray();
        return lines.Length <= SummaryLines ? lines.ToEquatableArray() : lines.Take(SummaryLines - 1).Append("...").ToEquatableArray();
    }

    private static string Lines(IEnumerable<Section> sections) => string.Join("\n", sections.Select(s => s.Line).Distinct());

    private sealed record Section(string Line, IReadOnlyList<Section> Needs, string Parameter = "");
}
