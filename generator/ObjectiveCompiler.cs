using System.Collections.Concurrent;
using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator;

/// <summary>What compiling an objective gives: the objective, or why there is none.</summary>
public sealed record CompileResult(CompiledObjective? Objective, EquatableArray<Diagnosis> Diagnoses);

/// <summary>
/// The list of passes, in order: from what the front end read to loops. A pure function of values, so that its result is cached as
/// long as the objective and what it reaches stay the same.
/// </summary>
public static class ObjectiveCompiler
{
    /// <summary>The last results: in one build the generator and the analyzer ask for the same.</summary>
    private const int MostRecent = 256;

    /// <summary>No objective written by hand comes near it.</summary>
    private const int MostNested = 600;

    private static readonly ConcurrentDictionary<ObjectiveModel, CompileResult> Recent = new();

    public static CompileResult Compile(ObjectiveModel model, CancellationToken cancellation)
    {
        if (Recent.TryGetValue(model, out var known))
            return known;
        var result = CompileNew(model, cancellation);
        if (Recent.Count >= MostRecent)
            Recent.Clear();
        Recent[model] = result;
        return result;
    }

    private static CompileResult CompileNew(ObjectiveModel model, CancellationToken cancellation)
    {
        try
        {
            var elaborated = Elaborate.Run(model);
            if (elaborated.Decisions is not { } decisions)
                return new(null, elaborated.Diagnoses);
            var notes = new List<string>();
            var variants = new List<Variant>();
            if (elaborated.Programs.Any(p => Depth(p) > MostNested))
                return new(null, [TooDeep(model)]);
            foreach (var program in elaborated.Programs)
            {
                cancellation.ThrowIfCancellationRequested();
                variants.Add(Compile(program, notes));
            }

            return new(new(model, decisions, variants.ToEquatableArray(), notes.Distinct().ToEquatableArray()), elaborated.Diagnoses);
        }
        catch (InsufficientExecutionStackException)
        {
            return new(null, [TooDeep(model)]);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // A fault of ours must be an error at the user's method, with what to tell us, and not the death of the generator.
            return new(null, [new Diagnosis("DPO0059", [model.Function.Name, exception.Message], model.Function.Id, -1)]);
        }
    }

    private static Diagnosis TooDeep(ObjectiveModel model) => new("DPO0026", [model.Function.Name], model.Function.Id, -1);

    /// <summary>The longest chain of equations: gradients are about three times as deep, and later stages follow chains recursively.</summary>
    private static int Depth(Program program)
    {
        var depths = new int[program.Types.Count];
        foreach (var equation in program.Equations)
        {
            var depth = 1 + equation.Operands.Where(o => o.IsVariable).Select(o => depths[o.Id]).DefaultIfEmpty(0).Max();
            foreach (var result in equation.Results)
                depths[result] = depth;
        }

        return depths.DefaultIfEmpty(0).Max();
    }

    private static Variant Compile(Program program, List<string> notes)
    {
        var (stable, applied) = Stabilise.Run(program);
        notes.AddRange(applied);
        var forward = Clean(stable);
        var joint = Clean(Differentiate.Joint(forward));
        var backward = Clean(Differentiate.Backward(WithHost(forward, joint)));
        var value = LowerToLoops(WithHost(forward, backward), "Value");
        var valueAndGradient = LowerToLoops(WithHost(joint, value.Source), "ValueAndGradient");
        var whole = Lowered(Clean(Differentiate.Whole(WithHost(forward, valueAndGradient.Source))));
        var (keeping, remaining) = Residuals.Split(whole);
        var hasResiduals = keeping.Outputs.Any(o => o.Role == OutputRole.Residual);
        var valueAndResiduals = hasResiduals ? Scheduler.Run(keeping, "ValueAndResiduals") : null;
        var gradient = Scheduler.Run(remaining, "Gradient");

        var tiledValue = Tiling.Run(value.Source with { Host = gradient.Source.Host }, value.Name);
        var tiledValueAndGradient = Tiling.Run(valueAndGradient.Source with { Host = gradient.Source.Host }, valueAndGradient.Name);

        // Passes only append to the host table: the last one holds all, and one table of scalars serves every program of the variant.
        var host = gradient.Source;
        return new(
            WithHost(forward, host),
            WithHost(joint, host),
            WithHost(backward, host),
            value with { Source = WithHost(value.Source, host) },
            valueAndGradient with { Source = WithHost(valueAndGradient.Source, host) },
            valueAndResiduals,
            gradient,
            tiledValue,
            tiledValueAndGradient);
    }

    private static LoopProgram LowerToLoops(Program program, string kernel) => Scheduler.Run(Lowered(program), kernel);

    private static Program Lowered(Program program) => Clean(Lower.Run(program));

    private static Program Clean(Program program) => DeadCode.Run(Cse.Run(Simplify.Run(Cse.Run(program))));

    private static Program WithHost(Program program, Program host) => program with { Host = host.Host };
}
