using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Emit.Api;

/// <summary>The XML documentation of the generated members: the formula and each gradient in closed form, where an editor shows them.</summary>
internal sealed class Documentation
{
    private readonly ObjectiveNames names;
    private readonly IReadOnlyList<ObjectiveFormula> formulas;

    public Documentation(ObjectiveNames names, IReadOnlyList<ObjectiveFormula> formulas)
    {
        this.names = names;
        this.formulas = formulas;
    }

    public void Fused(SourceWriter writer)
    {
        Summary(writer, $"{names.Name}, fused; part of the autograd graph.");
        Parameters(writer);
        writer.Line(names.Objective.Model.Returns.IsTuple
            ? $"/// <returns>As {Escape(names.Name)} returns: {Escape(string.Join(", ", names.Results))}. They belong to the caller's dispose scope.</returns>"
            : $"/// <returns>As {Escape(names.Name)} returns. It belongs to the caller's dispose scope.</returns>");
        Errors(writer);
    }

    public void WithGrad(SourceWriter writer)
    {
        Summary(writer, $"{names.Name} and the gradients of its first result, without an autograd graph.");
        Parameters(writer);
        writer.Line("/// <param name=\"upstream\">The gradient of the first result, of its shape; 1 where it is absent and the result is a scalar.</param>");
        writer.Line("/// <returns>The results and gradients; dispose it.</returns>");
        Errors(writer);
    }

    public void Result(SourceWriter writer)
    {
        writer.Line($"/// <summary>What <c>Fused.{Escape(names.Name)}WithGrad</c> gives.</summary>");
        foreach (var result in names.Results)
            writer.Line($"/// <param name=\"{Escape(ObjectiveNames.Pascal(result))}\">The result {Escape(result)}.</param>");
        foreach (var parameter in names.Gradients)
            writer.Line($"/// <param name=\"{Escape(names.GradientOf(parameter))}\">The gradient of the first result for {Escape(parameter.Name)}, of its shape and dtype; null where that is absent.</param>");
    }

    public void Loss(SourceWriter writer) =>
        writer.Line($"/// <summary><c>Fused.{Escape(names.Name)}</c> as a module: hyper-parameters in the constructor, tensors in <c>forward</c>.</summary>");

    public void Constructor(SourceWriter writer)
    {
        writer.Line("/// <summary>A loss with these hyper-parameters.</summary>");
        foreach (var parameter in names.HyperParameters)
            writer.Line($"/// <param name=\"{Escape(parameter.Name)}\">As of {Escape(names.Name)}.</param>");
    }

    public void Forward(SourceWriter writer)
    {
        writer.Line($"/// <summary>Calls <c>Fused.{Escape(names.Name)}</c>.</summary>");
        foreach (var parameter in names.Tensors)
            Tensor(writer, parameter);
        writer.Line($"/// <returns>What {Escape(names.Name)} returns.</returns>");
    }

    public void Info(SourceWriter writer) =>
        writer.Line($"/// <summary>The formula of {Escape(names.Name)}, its gradients in closed form, its program, plan and kernels.</summary>");

    private void Summary(SourceWriter writer, string first)
    {
        writer.Line("/// <summary>");
        writer.Line("/// " + Escape(first));
        writer.Line("/// <code>");
        foreach (var line in Formula())
            writer.Line("/// " + Escape(line));
        writer.Line("/// </code>");
        writer.Line("/// </summary>");
    }

    private IEnumerable<string> Formula()
    {
        if (formulas.Count == 0)
            return [];
        IEnumerable<string> lines = formulas[DefaultVariant.Of(names)].Summary;
        return formulas.Count == 1 ? lines : lines.Append(InvariantText.Of($"(of {formulas.Count} variants, by hyper-parameters and absent tensors: {names.Name}Info has all)"));
    }

    private void Parameters(SourceWriter writer)
    {
        foreach (var parameter in names.Parameters)
            if (parameter.Kind == ParameterKind.Tensor)
                Tensor(writer, parameter);
            else
                writer.Line($"/// <param name=\"{Escape(parameter.Name)}\">A hyper-parameter, as of {Escape(names.Name)}.</param>");
    }

    private static void Tensor(SourceWriter writer, FunctionParameter parameter) =>
        writer.Line($"/// <param name=\"{Escape(parameter.Name)}\"><c>[{Escape(parameter.Axes ?? "")}]</c>{(parameter.NoGrad ? ", without gradient" : "")}{(parameter.Nullable ? "; may be null" : "")}.</param>");

    private static void Errors(SourceWriter writer) =>
        writer.Line("/// <exception cref=\"global::Dpo.Autodiff.ObjectiveArgumentException\">A tensor is missing or disposed, or its axes, dtype or device do not fit; an index is out of range.</exception>");

    private static string Escape(string text) => text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("\"", "&quot;");
}
