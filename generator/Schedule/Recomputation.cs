using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// Evaluate again, or store? By default a pointwise value is evaluated wherever it is used. One that costs much and is evaluated more often
/// than it has elements (under a broadcast, through a gather, in several loops) is stored where the whole schedule is then cheaper.
/// </summary>
internal static class Recomputation
{
    // Choices are tried in the order of what they promise; the rest is not worth the compiler's time.
    private const int Trials = 6;
    private const int Rounds = 12;

    /// <summary>Less than an exponential is never worth a store, a load and perhaps a barrier.</summary>
    private const double LeastCost = 4;

    /// <summary>A gain below this share of the whole is the cost model's error.</summary>
    private const double LeastGain = 0.02;

    public static Schedule Reduce(Program source, string name)
    {
        var best = Schedule.Of(source, name, []);
        for (var round = 0; round < Rounds; round++)
        {
            var better = Candidates(source, best)
                .Select(variable => Schedule.Of(source, name, best.Stored.Concat([variable])))
                .FirstOrDefault(s => s.Cost < best.Cost * (1 - LeastGain) && s.WorkspaceDegree <= Math.Max(best.WorkspaceDegree, Math.Max(1, InputDegree(source) - 1)));
            if (better is null)
                break;
            best = better;
        }

        return best;
    }

    /// <summary>Workspace as large as the largest input is not taken to save arithmetic, but for vectors.</summary>
    private static int InputDegree(Program source) =>
        source.Inputs.Select(i => source.Types[i.Variable].Extents.Count(e => !e.IsFixed)).DefaultIfEmpty(0).Max();

    private static IEnumerable<int> Candidates(Program source, Schedule schedule)
    {
        var costs = new Dictionary<int, double>();
        var promised = new List<(int Variable, double Gain)>();
        var scattered = Scattered(schedule.Program);
        var discarded = Discarded(source);
        foreach (var evaluated in schedule.Evaluations)
        {
            var size = source.Types[evaluated.Key].Extents.Aggregate(1.0, (n, e) => n * LoopCosts.Trips(e));
            var cost = Cost(schedule.Program, evaluated.Key, costs);
            // What is scattered is evaluated one element after the other; stored before, in lanes.
            var isScattered = scattered.Contains(evaluated.Key);
            if (cost < LeastCost || discarded[evaluated.Key] || (evaluated.Value <= size && !isScattered) || schedule.Program.Definition(evaluated.Key)!.Primitive is Primitive.Rearrange or Primitive.Slice or Primitive.Flip or Primitive.StopGradient)
                continue;
            var gain = ((evaluated.Value - (isScattered ? size / LoopCosts.Lanes : size)) * cost) - (size + evaluated.Value);
            if (gain / LoopCosts.Lanes > LeastGain * schedule.Cost)
                promised.Add((evaluated.Key, gain));
        }

        return promised.OrderByDescending(p => p.Gain).ThenByDescending(p => p.Variable).Take(Trials).Select(p => p.Variable);
    }

    /// <summary>What scatters add to their places.</summary>
    private static HashSet<int> Scattered(Materialisation program) =>
        [.. program.Statements.Where(s => s.Kind == StatementKind.Scatter).Select(s => s.Equation!.Operands[0].Id)];

    /// <summary>
    /// What is gathered and discarded again at some places: there the index need not be in range, so it may only be read where it is used.
    /// </summary>
    private static bool[] Discarded(Program source)
    {
        var (isGathered, isDiscarded) = (new bool[source.Types.Count], new bool[source.Types.Count]);
        foreach (var equation in source.Equations)
            foreach (var result in equation.Results)
                isGathered[result] = equation.Primitive == Primitive.Gather || equation.Operands.Any(o => o.IsVariable && isGathered[o.Id]);
        foreach (var equation in source.Equations.Reverse())
            for (var o = 0; o < equation.Operands.Count; o++)
                if (equation.Operands[o] is { IsVariable: true } operand)
                    isDiscarded[operand.Id] |= isDiscarded[equation.Result] || (equation.Primitive == Primitive.Where && o > 0);
        return isGathered.Zip(isDiscarded, (gathered, discarded) => gathered && discarded).ToArray();
    }

    /// <summary>The arithmetic of a variable down to what is read, each part once.</summary>
    private static double Cost(Materialisation program, int variable, Dictionary<int, double> known)
    {
        if (program.IsRead(variable))
            return 0;
        if (!known.TryGetValue(variable, out var cost))
        {
            var equation = program.Definition(variable)!;
            cost = LoopCosts.Of(equation.Primitive) + equation.Operands.Where(o => o.IsVariable).Select(o => o.Id).Distinct().Sum(o => Cost(program, o, known));
            known.Add(variable, cost);
        }

        return cost;
    }
}
