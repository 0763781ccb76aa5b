using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Api;

/// <summary><c>Fused.NameInfo</c>, in a file of its own: the objective as texts.</summary>
internal static class InfoEmitter
{
    public static string Emit(ObjectiveNames names, IReadOnlyList<ObjectiveFormula> formulas, Documentation documentation, string kernels, IEnumerable<string> cudaTexts)
    {
        var objective = names.Objective;
        var writer = GeneratedFile.New();
        using (GeneratedFile.Open(writer, objective.Model.Container))
        using (writer.Block("static partial class Fused"))
        {
            documentation.Info(writer);
            writer.Line(GeneratedFile.GeneratedCode);
            var accessibility = objective.Model.Accessibility == "public" ? "public" : "internal";
            writer.Line($"{accessibility} static global::Dpo.Autodiff.ObjectiveInfo {names.Name}Info {{ get; }} = new()");
            using (writer.Block("", "};"))
            {
                writer.Line($"Name = {SourceWriter.Quoted(names.Name)},");
                writer.Line("Formula =");
                Text(writer, PerVariant(formulas.Select(f => f.Formula)), ",");
                using (writer.Block("Gradients = new global::System.Collections.Generic.Dictionary<string, string>", "},"))
                {
                    foreach (var parameter in names.Gradients)
                    {
                        var texts = formulas.Select(f => f.Gradients.FirstOrDefault(g => g.Parameter == parameter.Name)?.Text ?? "absent");
                        writer.Line($"[{SourceWriter.Quoted(parameter.Name)}] =");
                        Text(writer, PerVariant(texts), ",");
                    }
                }

                writer.Line($"Axes = [{string.Join(", ", names.Axes.Select(SourceWriter.Quoted))}],");
                Loops(writer, objective.Variants);
                writer.Line("Program =");
                LongText(writer, PerVariant(objective.Variants.Select(v => ProgramPrinter.Print(v.Joint))));
                writer.Line("Plan =");
                LongText(writer, PerVariant(objective.Variants.Select(v => Plan(v) + Tiles(v))));
                writer.Line("CpuSource =");
                LongText(writer, kernels);
                writer.Line($"CudaSource = global::Dpo.Autodiff.Cuda.CudaText.Whole([{string.Join(", ", cudaTexts)}]),");
            }
        }

        return writer.ToString();
    }

    /// <summary>Stages and traffic of the first variant: the others differ in their arithmetic, rarely in their loops.</summary>
    private static void Loops(SourceWriter writer, EquatableArray<Variant> variants)
    {
        if (variants.Count == 0)
            return;
        LoopProgram[] kernels = variants[0].ValueAndResiduals is { } keeping ? [keeping, variants[0].Gradient] : [variants[0].ValueAndGradient];
        var traffic = kernels.Select(LoopTraffic.Of).ToArray();
        var degree = traffic.Max(t => t.Degree);
        writer.Line($"Stages = [{string.Join(", ", kernels.SelectMany(k => k.Stages).Select(s => SourceWriter.Quoted(s.Comment)))}],");
        writer.Line(InvariantText.Of($"BytesRead = {kernels.Zip(traffic, (k, t) => LoopTraffic.PerElement(t.BytesRead(k), degree)).Sum()},"));
        writer.Line(InvariantText.Of($"BytesWritten = {kernels.Zip(traffic, (k, t) => LoopTraffic.PerElement(t.BytesWritten(k), degree)).Sum()},"));
    }

    /// <summary>The kernels that a training step runs.</summary>
    private static string Plan(Variant variant) => variant.ValueAndResiduals is { } keeping
        ? "Large gradients are computed in the backward, from what ValueAndResiduals keeps; small ones with the value, by ValueAndGradient.\n\n"
            + string.Join("\n", new[] { keeping, variant.Gradient, variant.ValueAndGradient }.Select(LoopPrinter.Print))
        : LoopPrinter.Print(variant.ValueAndGradient);

    /// <summary>The parts of the kernels that run in tiles where the product is large.</summary>
    private static string Tiles(Variant variant) => string.Concat(variant.Tiled.Select(t =>
        $"\nWhere {string.Join("*", t.Loops.Wide)} is large, {t.Name} runs in tiles of {t.Loops.Axis}; what has not that axis, tiles add up.\n\n"
        + string.Join("\n", t.Loops.Parts.Select(p => LoopPrinter.Print(p.Loops)))));

    private static string PerVariant(IEnumerable<string> texts)
    {
        var all = texts.ToArray();
        return all.Length == 1 || all.Distinct().Count() == 1
            ? all[0]
            : string.Join("\n", all.Select((t, i) => InvariantText.Of($"variant {i}:\n{t.TrimEnd('\n')}")));
    }

    /// <summary>A text in half the memory of a string literal, until somebody asks for it.</summary>
    private static void LongText(SourceWriter writer, string text)
    {
        using (writer.Indented())
        {
            writer.Line("global::System.Text.Encoding.UTF8.GetString(");
            Text(writer, text, "u8),");
        }
    }

    /// <summary>A raw string, whatever quotes the text has.</summary>
    public static void Text(SourceWriter writer, string text, string end)
    {
        var quotes = "\"\"\"";
        while (text.Contains(quotes))
            quotes += "\"";
        using (writer.Indented())
        {
            writer.Line(quotes);
            writer.Line(text.TrimEnd('\n'));
            writer.Line(quotes + end);
        }
    }
}
