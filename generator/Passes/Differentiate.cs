using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// Reverse mode on programs. In: a forward program. Out: a program that shares the forward's variables and adds, in reverse order, the
/// equations of the gradients, near their simplest form, because some derivatives are simpler for a cotangent that is spread along an
/// axis. Nothing is removed here.
/// </summary>
/// <remarks>
/// Upstreams are inputs named <c>d_</c> and the result's name, of the result's extents. Where there are several, a backward may lack some:
/// what comes of those alone is none, whatever it is multiplied by.
/// </remarks>
public static class Differentiate
{
    /// <summary>The results, and the gradients of the first one for every differentiable input.</summary>
    public static Program Joint(Program forward) => Of(forward, o => o.Name == forward.Outputs[0].Name, keepOutputs: true);

    /// <summary>The results, and the gradients given an upstream for every differentiable result.</summary>
    public static Program Whole(Program forward) => Of(forward, o => o.Differentiable, keepOutputs: true);

    /// <summary>The gradients alone, given an upstream for every differentiable result.</summary>
    public static Program Backward(Program forward) => Of(forward, o => o.Differentiable, keepOutputs: false);

    private static Program Of(Program forward, Func<ProgramOutput, bool> isStart, bool keepOutputs)
    {
        forward = RewritingBuilder.Rewrite(forward, LoweringRules.BeforeDifferentiation);
        var builder = RewritingBuilder.Continue(forward, AlgebraRules.Local, keepOutputs);
        Append(builder, forward, forward.Outputs.Where(isStart).ToArray());
        return builder.Build();
    }

    private static void Append(ProgramBuilder builder, Program forward, IReadOnlyList<ProgramOutput> results)
    {
        var active = Active(forward);
        var cotangents = new Dictionary<int, Cotangent>();
        for (var i = 0; i < results.Count; i++)
        {
            var type = forward.Types[results[i].Variable];
            if (type.Kind != ElementKind.Real)
                continue;
            var upstream = builder.Input("d_" + results[i].Name, type, differentiable: false, InputRole.Upstream);
            if (active[results[i].Variable])
                Accumulate(results[i].Variable, new Cotangent(upstream, null, [i]));
        }

        foreach (var equation in forward.Equations.Reverse())
        {
            if (!cotangents.TryGetValue(equation.Result, out var cotangent))
                continue;
            var context = new VjpContext(
                builder,
                equation,
                cotangent,
                variable => active[variable],
                (operand, given) => Accumulate(equation.Operands[operand].Id, given));
            VjpRules.Table[equation.Primitive](context);
        }

        // A parameter may be read as several kinds; its gradient comes through the real one.
        foreach (var input in forward.Inputs.Where(i => i.Differentiable && forward.Types[i.Variable].Kind == ElementKind.Real))
        {
            var gradient = cotangents.TryGetValue(input.Variable, out var cotangent)
                ? VjpContext.Settle(builder, Within(builder, results, cotangent, Enumerable.Range(0, results.Count).ToEquatableArray()))
                : builder.Fill(Atom.Literal(0), forward.Types[input.Variable].Extents);
            builder.Output(input.Name, gradient, OutputRole.Gradient);
        }

        void Accumulate(int variable, Cotangent given) =>
            cotangents[variable] = cotangents.TryGetValue(variable, out var before) ? Sum(builder, results, before, given) : given;
    }

    /// <summary>Which variables are real and depend, differentiably, on a differentiable input.</summary>
    public static bool[] Active(Program program)
    {
        var active = new bool[program.Types.Count];
        foreach (var input in program.Inputs)
            active[input.Variable] = input.Differentiable && program.Types[input.Variable].Kind == ElementKind.Real;
        foreach (var equation in program.Equations)
        {
            if (equation.Primitive is Primitive.StopGradient or Primitive.Sign)
                continue;
            // The condition of a where and the index of a gather are not real, so they never count.
            if (equation.Operands.Any(o => o.IsVariable && active[o.Id]) && program.Types[equation.Result].Kind == ElementKind.Real)
                active[equation.Result] = true;
        }

        return active;
    }

    /// <summary>Of each variable the names of the differentiable inputs on which it depends, in order. A sign is one of numbers, though its derivative is 0.</summary>
    public static EquatableArray<string>[] Reached(Program program)
    {
        var names = program.Inputs.Where(i => i.Differentiable && program.Types[i.Variable].Kind == ElementKind.Real).Select(i => i.Name).ToArray();
        var reached = new EquatableArray<string>[program.Types.Count];
        foreach (var input in program.Inputs.Where(i => i.Differentiable && program.Types[i.Variable].Kind == ElementKind.Real))
            reached[input.Variable] = [input.Name];
        foreach (var equation in program.Equations.Where(e => e.Primitive != Primitive.StopGradient && program.Types[e.Result].Kind == ElementKind.Real))
        {
            var operands = equation.Operands.Where(o => o.IsVariable && reached[o.Id].Count > 0).Select(o => reached[o.Id]).Distinct().ToArray();
            reached[equation.Result] = operands.Length <= 1 ? operands.FirstOrDefault() : names.Where(n => operands.Any(o => o.Contains(n))).ToEquatableArray();
        }

        return reached;
    }

    /// <summary>The cotangent, 0 where only results that it is not of have an upstream: it may then be one of these too.</summary>
    private static Cotangent Within(ProgramBuilder builder, IReadOnlyList<ProgramOutput> results, Cotangent cotangent, EquatableArray<int> all)
    {
        if (cotangent.Results == all)
            return cotangent;
        var names = string.Join("|", cotangent.Results.Select(r => results[r].Name));
        var given = builder.Host(new HostEquation(HostOperation.HasUpstream, HostKind.Bool, [], names));
        var extents = builder.TypeOf(cotangent.Value).Extents;
        var condition = builder.Rearrange(builder.Fill(Atom.Host(given), [], ElementKind.Boolean), Enumerable.Repeat(-1, extents.Count).ToArray(), extents);
        var value = builder.Emit(Primitive.Where, Atom.Variable(condition), Atom.Variable(cotangent.Value), Atom.Literal(0));
        return cotangent with { Value = value, Results = all };
    }

    private static Cotangent Sum(ProgramBuilder builder, IReadOnlyList<ProgramOutput> results, Cotangent x, Cotangent z)
    {
        var all = x.Results.Union(z.Results).OrderBy(r => r).ToEquatableArray();
        return Sum(builder, Within(builder, results, x, all), Within(builder, results, z, all));
    }

    /// <summary>
    /// What neither lets through stays discarded; where one guard contains the other, it is the guard of the sum. Conditions of both stay conditions of
    /// the sum.
    /// </summary>
    private static Cotangent Sum(ProgramBuilder builder, Cotangent x, Cotangent z)
    {
        int Add(int left, int right) => builder.Emit(Primitive.Add, Atom.Variable(left), Atom.Variable(right));
        if (x.Guard == z.Guard)
            return x with { Value = Add(x.Value, z.Value) };
        if (Contains(builder, x.Guard, z.Guard))
            return x with { Value = Add(x.Value, VjpContext.Settle(builder, z)) };
        if (Contains(builder, z.Guard, x.Guard))
            return z with { Value = Add(VjpContext.Settle(builder, x), z.Value) };
        var sum = Add(VjpContext.Settle(builder, x), VjpContext.Settle(builder, z));
        if (x.Guard is not { } left || z.Guard is not { } right || IsOpposite(builder, left, right))
            return x with { Value = sum, Guard = null };
        var (ofX, ofZ) = (new Term(builder, Atom.Variable(left)), new Term(builder, Atom.Variable(right)));
        var guard = ofX.Of(Primitive.Or, ofZ);
        foreach (var (condition, source) in Conditions(ofX).Intersect(Conditions(ofZ)))
            guard = new Spreading(source, condition.Type.Extents, ofX.Type.Extents).Apply(condition).Of(Primitive.And, guard);
        return x with { Value = sum, Guard = guard.Variable };
    }

    /// <summary>The conditions of a guard, each as what it is spread from and the position of that which each of the guard's positions has.</summary>
    private static IEnumerable<(Term Condition, EquatableArray<int> Source)> Conditions(Term guard)
    {
        var source = Enumerable.Range(0, guard.Type.Rank).ToEquatableArray();
        for (; guard.Is(Primitive.Rearrange, out var inner); guard = inner)
        {
            var step = ((Parameters.Rearrange)guard.Definition()!.Parameters).Source;
            source = source.Select(s => s < 0 ? -1 : step[s]).ToEquatableArray();
        }

        return guard.Is(Primitive.And, out var x, out var z)
            ? Conditions(x).Concat(Conditions(z)).Select(c => (c.Condition, source.Select(s => s < 0 ? -1 : c.Source[s]).ToEquatableArray()))
            : [(guard, source)];
    }

    /// <summary>inner = outer and something.</summary>
    private static bool Contains(ProgramBuilder builder, int? outer, int? inner) =>
        outer is { } o && inner is { } i && new Term(builder, Atom.Variable(i)).Is(Primitive.And, out var x, out var z)
        && (x.Atom == Atom.Variable(o) || z.Atom == Atom.Variable(o) || Contains(builder, o, x.Atom.Id) || Contains(builder, o, z.Atom.Id));

    private static bool IsOpposite(ProgramBuilder builder, int x, int z) =>
        (new Term(builder, Atom.Variable(x)).Is(Primitive.Not, out var notX) && notX.Atom == Atom.Variable(z))
        || (new Term(builder, Atom.Variable(z)).Is(Primitive.Not, out var notZ) && notZ.Atom == Atom.Variable(x));
}
