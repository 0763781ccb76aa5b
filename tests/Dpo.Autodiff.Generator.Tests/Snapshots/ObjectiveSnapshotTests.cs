using Dpo.Autodiff.Generator.Emit.Api;
using Dpo.Autodiff.Generator.Emit.Cuda;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Harness;
using Dpo.Autodiff.Tests;

namespace Dpo.Autodiff.Generator.Tests.Snapshots;

/// <summary>What the compiler makes of representative objectives, at every hand-over: to be read, also as a difference.</summary>
public class ObjectiveSnapshotTests
{
    public static TheoryData<string> Names => new(SampleObjectives.All.Keys);

    /// <summary>The closed forms, and the programs they are written from.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public Task Program(string objective)
    {
        var variants = Compile(objective).Variants.Select((variant, i) =>
        {
            var formula = Formulas.Of(variant.Forward, variant.Joint);
            return $"variant {i}\n\n{formula.Formula}\n\n{string.Join("\n\n", formula.Gradients.Select(g => g.Text))}\n\n"
                + ProgramPrinter.Print(variant.Joint) + "\nbackward " + ProgramPrinter.Print(variant.Backward);
        });
        return Snapshot.Match(string.Join("\n", variants), part: objective);
    }

    /// <summary>The loops, with every barrier, and what they read and write.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public Task Plan(string objective)
    {
        var plans = Compile(objective).Variants.Select((variant, i) =>
            $"variant {i}\n\n{LoopPrinter.Print(variant.ValueAndGradient)}\n{(variant.ValueAndResiduals is { } keeping ? LoopPrinter.Print(keeping) + "\n" : "")}{LoopPrinter.Print(variant.Gradient)}{Tiles(variant)}");
        return Snapshot.Match(string.Join("\n", plans), part: objective);
    }

    /// <summary>The CUDA kernels, and the plan that launches them.</summary>
    [Theory]
    [InlineData(nameof(SampleObjectives.Dpo))]
    [InlineData(nameof(SampleObjectives.CrossEntropy))]
    [InlineData(nameof(SampleObjectives.TokenLogProbability))]
    public Task Cuda(string objective)
    {
        var compiled = Compile(objective);
        var variant = compiled.Variants[0];
        var plans = new[] { variant.ValueAndGradient, variant.ValueAndResiduals, variant.Gradient }.OfType<LoopProgram>()
            .Select(p => CudaEmitter.Emit(p, objective + p.Name, AxisNames.Of(compiled.Model.Function)));
        return Snapshot.Match(string.Join("\n", plans.Select(p => CudaPlanPrinter.Print(p) + "\n" + p.Source)), part: objective);
    }

    /// <summary>The generated members and kernels, of few objectives: it is long, and most of it follows from the plan.</summary>
    [Theory]
    [InlineData(nameof(SampleObjectives.Dpo))]
    [InlineData(nameof(SampleObjectives.CrossEntropy))]
    [InlineData(nameof(SampleObjectives.PlackettLuce))]
    public Task Code(string objective)
    {
        // The information repeats formula, program, plan and kernels as text.
        var files = ObjectiveFiles.Of(Compile(objective)).Where(f => !f.HintName.EndsWith(".Info.g.cs", StringComparison.Ordinal));
        return Snapshot.Match(string.Join("\n", files.Select(f => "// " + f.HintName + "\n" + f.Text)), "cs", objective);
    }

    private static string Tiles(Variant variant) =>
        string.Concat(variant.Tiled.Select(t => $"\n{t.Name} in tiles of {t.Loops.Axis}\n\n{string.Join("\n", t.Loops.Parts.Select(p => LoopPrinter.Print(p.Loops)))}"));

    private static CompiledObjective Compile(string objective)
    {
        var result = ObjectiveCompiler.Compile(Reading.Model(SampleObjectives.All[objective], objective), CancellationToken.None);
        Assert.True(result.Objective is not null, string.Join("\n", result.Diagnoses.Select(d => d.Id + " " + string.Join(" ", d.Arguments))));
        return result.Objective;
    }
}
