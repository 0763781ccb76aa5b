using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Emit.Api;

/// <summary>A generated file.</summary>
/// <param name="HintName">Its name in the compilation: from fully qualified metadata names.</param>
/// <param name="Text">Its text.</param>
public sealed record SourceFile(string HintName, string Text);

/// <summary>The files of one compiled objective. The same objective gives the same bytes.</summary>
public static class ObjectiveFiles
{
    public static EquatableArray<SourceFile> Of(CompiledObjective objective)
    {
        var names = new ObjectiveNames(objective);
        var formulas = objective.Variants.Select(v => Formulas.Of(v.Forward, v.Joint)).ToArray();
        var documentation = new Documentation(names, formulas);
        var plan = new PlanEmitter(names);
        var api = new ApiEmitter(names, plan, documentation);
        var kernels = Kernels(names);
        var writer = GeneratedFile.New();
        using (GeneratedFile.Open(writer, objective.Model.Container))
        {
            using (writer.Block("static partial class Fused"))
            {
                api.Fused(writer);
                writer.Line();
                api.WithGrad(writer);
            }

            writer.Line();
            api.Result(writer);
            writer.Line();
            api.Loss(writer);
        }

        writer.Line();
        writer.Line(kernels);
        writer.Line(Torch(names));
        writer.Line();
        using (GeneratedFile.Open(writer, objective.Model.Container))
        using (writer.Block("static partial class Fused"))
            plan.Emit(writer);
        var hint = objective.Model.Container.MetadataName.Replace('+', '.') + "." + names.Name;
        return
        [
            new SourceFile(hint + ".g.cs", writer.ToString().TrimEnd('\n') + "\n"),
            new SourceFile(hint + ".Info.g.cs", InfoEmitter.Emit(names, formulas, documentation, kernels, plan.CudaTexts)),
        ];
    }

    /// <summary>The vector kernels of each variant: the value, with the gradients of the first result, with what a backward reads; and that backward.</summary>
    private static string Kernels(ObjectiveNames names)
    {
        var variants = names.Objective.Variants;
        var texts = new List<string>();
        for (var i = 0; i < variants.Count; i++)
        {
            texts.Add(SimdEmitter.Emit(variants[i].Value, PlanEmitter.KernelName(names, i, "Value"), names.Axes));
            texts.Add(SimdEmitter.Emit(variants[i].ValueAndGradient, PlanEmitter.KernelName(names, i, "ValueAndGradient"), names.Axes));
            if (variants[i].ValueAndResiduals is { } keeping)
                texts.Add(SimdEmitter.Emit(keeping, PlanEmitter.KernelName(names, i, "ValueAndResiduals"), names.Axes));
            texts.Add(SimdEmitter.Emit(variants[i].Gradient, PlanEmitter.KernelName(names, i, "Gradient"), names.Axes));
            foreach (var (kernel, tiled) in variants[i].Tiled)
                foreach (var (part, loops) in tiled.Parts)
                    texts.Add(SimdEmitter.Emit(loops, PlanEmitter.KernelName(names, i, kernel + part), names.Axes));
        }

        return string.Join("\n", texts.Select(t => t.TrimEnd('\n') + "\n"));
    }

    private static string Torch(ObjectiveNames names)
    {
        var writer = new SourceWriter();
        var variants = names.Objective.Variants;
        for (var i = 0; i < variants.Count; i++)
        {
            writer.Line("/// <summary>The same in TorchSharp's operations: for any device, and to be differentiated again.</summary>");
            using (writer.Block(InvariantText.Of($"file static class {names.Name}Torch{i}")))
            {
                writer.Line(TorchEmitter.Emit(variants[i].Forward, "Value", names.Axes).TrimEnd('\n'));
                writer.Line();
                writer.Line(TorchEmitter.Emit(variants[i].Joint, "ValueAndGradient", names.Axes).TrimEnd('\n'));
                writer.Line();
                writer.Line(TorchEmitter.Emit(variants[i].Backward, "Gradient", names.Axes).TrimEnd('\n'));
            }

            if (i + 1 < variants.Count)
                writer.Line();
        }

        return writer.ToString().TrimEnd('\n');
    }
}
