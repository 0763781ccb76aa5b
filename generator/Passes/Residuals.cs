using System.Globalization;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// Cuts results and gradients where the forward has little that cost much: statistics of rows, permutations. In: a lowered program of
/// results and gradients. Out: a forward that also gives what is kept, and a backward that reads it, with the inputs, instead of
/// computing it again.
/// </summary>
public static class Residuals
{
    /// <summary>How many times its own size a value's computation must be for it to be kept: a row's statistic, not a sum of two numbers.</summary>
    private const double LeastWork = 8;

    /// <summary>The work of one place of a scan, and more so of a sort, is that of many places of a loop.</summary>
    private const double ScanWork = 16;

    private const string Prefix = "kept";

    /// <summary>Which residual the input or output of that name is, from 0.</summary>
    public static int NumberOf(string name) => int.Parse(name.Substring(Prefix.Length), CultureInfo.InvariantCulture) - 1;

    /// <summary>The name of the residual of that number, from 0.</summary>
    public static string NameOf(int number) => Prefix + (number + 1).ToString(CultureInfo.InvariantCulture);

    /// <summary>The two programs; without residuals where nothing is worth keeping.</summary>
    public static (Program Forward, Program Backward) Split(Program whole)
    {
        var kept = Kept(whole);
        var residuals = kept.Select((variable, i) => (Variable: variable, Name: NameOf(i))).ToArray();
        var results = whole with
        {
            Inputs = whole.Inputs.Where(i => i.Role != InputRole.Upstream).ToEquatableArray(),
            Outputs = whole.Outputs.Where(o => o.Role == OutputRole.Result).ToEquatableArray(),
        };
        var backward = whole with
        {
            Inputs = whole.Inputs.Concat(residuals.Select(r => new ProgramInput(r.Variable, r.Name, false, InputRole.Residual))).ToEquatableArray(),
            Equations = whole.Equations.Where(e => !e.Results.Any(kept.Contains)).ToEquatableArray(),
            Outputs = whole.Outputs.Where(o => o.Role == OutputRole.Gradient).ToEquatableArray(),
        };
        var (forward, masks) = (results, new Masks(whole, results, backward));
        foreach (var (variable, name) in residuals)
        {
            var output = variable;
            if (masks.Of(variable) is { } mask)
            {
                output = forward.Types.Count;
                var masked = new Equation(Primitive.Where, [Atom.Variable(mask), Atom.Variable(variable), Atom.Literal(0)], Parameters.Nothing, [output]);
                forward = forward with { Types = [.. forward.Types, whole.Types[variable]], Equations = [.. forward.Equations, masked] };
            }

            forward = forward with { Outputs = [.. forward.Outputs, new ProgramOutput(name, output, OutputRole.Residual)] };
        }

        return (DeadCode.Run(forward), DeadCode.Run(backward));
    }

    /// <summary>
    /// What is kept is read only where it matters to the gradients: it is 0 elsewhere, so that the forward need not compute it there either.
    /// </summary>
    private sealed class Masks(Program whole, Program results, Program backward)
    {
        private readonly Relevance inForward = Relevance.Of(results);
        private readonly Relevance inBackward = Relevance.Of(backward);
        private readonly bool[] isUpstream = Upstream(whole);

        /// <summary>A Boolean variable of the forward that holds wherever a kept one matters, in both; null where there is none.</summary>
        public int? Of(int kept)
        {
            var matters = new HashSet<RelevantWhere>(inBackward[kept]);
            if (matters.Count == 0)
                return null;
            return Enumerable.Range(0, whole.Types.Count)
                .Where(v => whole.Types[v].Kind == ElementKind.Boolean && whole.Types[v].Extents == whole.Types[kept].Extents && !isUpstream[v])
                .Select(v => (Variable: v, Parts: inForward.PartsOf(v).ToArray()))
                .Where(c => c.Parts.All(matters.Contains) && inForward.IsDiscarded(kept, c.Parts))
                .OrderByDescending(c => c.Parts.Length).Select(c => (int?)c.Variable).FirstOrDefault();
        }
    }

    /// <summary>From the gradients back: the first values on every way that do not depend on an upstream and are worth keeping.</summary>
    private static SortedSet<int> Kept(Program whole)
    {
        var work = Work(whole);
        var isUpstream = Upstream(whole);
        var definitions = whole.Definitions();
        var kept = new SortedSet<int>();
        var isSeen = new bool[whole.Types.Count];
        var open = new Stack<int>(whole.Outputs.Where(o => o.Role == OutputRole.Gradient).Select(o => o.Variable));
        while (open.Count > 0)
        {
            var variable = open.Pop();
            if (isSeen[variable] || definitions[variable] is not { } equation)
                continue;
            isSeen[variable] = true;
            if (!isUpstream[variable] && !IsAsLargeAsLogits(whole, whole.Types[variable]) && work[variable] >= LeastWork * Size(whole.Types[variable]))
                kept.UnionWith(equation.Results);
            else
                foreach (var operand in equation.Operands.Where(o => o.IsVariable))
                    open.Push(operand.Id);
        }

        // The gradients of one scalar of elements are computed with it: nothing is kept from one to the other.
        var starts = whole.Outputs.Where(o => o.Differentiable).Select(o => o.Variable).ToArray();
        if (starts.Length == 1 && kept.Concat(starts).All(v => whole.Types[v].Rank == 0))
            kept.Clear();
        return kept;
    }

    /// <summary>
    /// Of as many axes as any input, and more than rows of one list: memory is what there is least of where such tensors are, so that even a vocabulary is
    /// sorted again.
    /// </summary>
    private static bool IsAsLargeAsLogits(Program program, TensorType type) =>
        type.Rank > 2 && type.Rank >= program.Inputs.Max(i => program.Types[i.Variable].Rank);

    /// <summary>The largest loop that a value needs.</summary>
    private static double[] Work(Program program)
    {
        var work = new double[program.Types.Count];
        foreach (var equation in program.Equations)
        {
            // A gather looks at as many places as it has; a product of matrices is all that its operands span.
            var loop = equation.Primitive == Primitive.Gather
                ? Size(program.Types[equation.Result])
                : equation.Primitive == Primitive.Contract ? equation.Operands.Aggregate(1.0, (n, o) => n * Size(program.Types[o.Id]))
                : equation.Operands.Where(o => o.IsVariable).Select(o => o.Id).Concat(equation.Results).Max(v => Size(program.Types[v]));
            if (equation.Primitive is Primitive.Sort or Primitive.CumSum or Primitive.LogCumSumExp)
                loop *= ScanWork;
            var most = equation.Operands.Where(o => o.IsVariable).Select(o => work[o.Id]).Append(loop).Max();
            foreach (var result in equation.Results)
                work[result] = most;
        }

        return work;
    }

    private static bool[] Upstream(Program program)
    {
        var isUpstream = new bool[program.Types.Count];
        foreach (var input in program.Inputs)
            isUpstream[input.Variable] = input.Role == InputRole.Upstream;
        foreach (var equation in program.Equations)
            foreach (var result in equation.Results)
                isUpstream[result] = equation.Operands.Any(o => o.IsVariable && isUpstream[o.Id]);
        return isUpstream;
    }

    private static double Size(TensorType type) => type.Extents.Aggregate(1.0, (n, e) => n * LoopCosts.Trips(e));
}
