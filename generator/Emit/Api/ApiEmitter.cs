using Dpo.Autodiff.Generator.Model;

namespace Dpo.Autodiff.Generator.Emit.Api;

/// <summary>
/// The public members of one objective, in one file with its plan and kernels: <c>Fused.Name</c>, <c>Fused.NameWithGrad</c>,
/// <c>NameResult</c> and <c>NameLoss</c>.
/// </summary>
internal sealed class ApiEmitter
{
    private const string Run = "global::Dpo.Autodiff.Execution.ObjectiveRun";

    private readonly ObjectiveNames names;
    private readonly PlanEmitter plan;
    private readonly Documentation documentation;

    public ApiEmitter(ObjectiveNames names, PlanEmitter plan, Documentation documentation)
    {
        this.names = names;
        this.plan = plan;
        this.documentation = documentation;
    }

    private string Plan => names.PlanType;

    private string Parameters => string.Join(", ", names.Parameters.Select(ObjectiveNames.Declaration));

    private string Arguments => string.Join(", ", names.Parameters.Select(p => SourceWriter.Identifier(p.Name)));

    /// <summary>
    /// Accessibility of what is generated. A private objective's is internal: its members stand in classes of their own, which the
    /// containing class must reach.
    /// </summary>
    private string MemberAccessibility => names.Objective.Model.Accessibility == "public" ? "public" : "internal";

    public void Fused(SourceWriter writer)
    {
        documentation.Fused(writer);
        writer.Line(GeneratedFile.GeneratedCode);
        using (writer.Block($"{MemberAccessibility} static {names.ReturnType} {SourceWriter.Identifier(names.Name)}({Parameters})"))
        {
            Bind(writer, $"return {names.Method}({Arguments});");
            writer.Line($"var {names.Fresh("results")} = {Run}.Fused({Plan}.Spec, {names.Fresh("variant")}, {names.TensorTable}, {names.ExtentTable}, {names.ScalarTable});");
            Check(writer);
            writer.Line($"return {Unpacked(names.Fresh("results"))};");
        }
    }

    public void WithGrad(SourceWriter writer)
    {
        documentation.WithGrad(writer);
        writer.Line(GeneratedFile.GeneratedCode);
        var parameters = names.Parameters.Select(ObjectiveNames.Declaration).Append($"{ObjectiveNames.Tensor}? upstream = null");
        var hyper = string.Concat(names.HyperParameters.Select(p => ", " + SourceWriter.Identifier(p.Name)));
        using (writer.Block($"{MemberAccessibility} static {names.ResultType} {names.Name}WithGrad({string.Join(", ", parameters)})"))
        {
            var results = names.Fresh("results");
            using (Bound(writer))
            {
                writer.Line($"var {names.Fresh("eager")} = {Plan}.EagerWithGrad({names.TensorTable}, upstream{hyper});");
                writer.Line($"return new({string.Join(", ", Values(names.Fresh("eager"), isEager: true))});");
            }

            Choose(writer);
            writer.Line($"var {results} = {Run}.WithGrad({Plan}.Spec, {names.Fresh("variant")}, {names.TensorTable}, {names.ExtentTable}, {names.ScalarTable}, upstream);");
            Check(writer);
            writer.Line($"return new({string.Join(", ", Values(results, isEager: false))});");
        }
    }

    private IEnumerable<string> Values(string results, bool isEager)
    {
        for (var i = 0; i < names.Results.Count; i++)
            yield return InvariantText.Of($"{results}[{i}]!");
        for (var k = 0; k < names.Gradients.Count; k++)
            yield return isEager || plan.HasUniformGradients
                ? InvariantText.Of($"{results}[{names.Results.Count + k}]")
                : InvariantText.Of($"{Plan}.Gradient({names.Fresh("variant")}, {results}, {names.Parameter(names.Gradients[k].Name)})");
    }

    private void Bind(SourceWriter writer, string otherwise)
    {
        using (Bound(writer))
            writer.Line(otherwise);
        Choose(writer);
    }

    private SourceWriter.Scope Bound(SourceWriter writer)
    {
        var tensors = string.Join(", ", names.Tensors.Select(p => SourceWriter.Identifier(p.Name)));
        writer.Line($"global::System.ReadOnlySpan<{ObjectiveNames.Tensor}?> {names.TensorTable} = [{tensors}];");
        writer.Line(InvariantText.Of($"global::System.Span<long> {names.ExtentTable} = stackalloc long[{names.Axes.Count}];"));
        return writer.Block($"if (!{Plan}.Spec.Bind({names.TensorTable}, {names.ExtentTable}))");
    }

    private void Choose(SourceWriter writer)
    {
        writer.Line(InvariantText.Of($"global::System.Span<double> {names.ScalarTable} = stackalloc double[{plan.Scalars}];"));
        writer.Line($"var {names.Fresh("variant")} = {Plan}.Choose({plan.ChooseArguments});");
    }

    private void Check(SourceWriter writer)
    {
        writer.Line($"if ({Plan}.Spec.IsChecked)");
        using (writer.Indented())
            writer.Line($"{Run}.Check({Plan}.Spec, {names.Fresh("results")}!, {Plan}.Eager({Arguments}));");
    }

    private string Unpacked(string results) => names.Objective.Model.Returns.IsTuple
        ? "(" + string.Join(", ", Enumerable.Range(0, names.Results.Count).Select(i => InvariantText.Of($"{results}[{i}]"))) + ")"
        : results + "[0]";

    /// <summary>The record of results and gradients.</summary>
    public void Result(SourceWriter writer)
    {
        documentation.Result(writer);
        writer.Line(GeneratedFile.GeneratedCode);
        var properties = names.Results.Select(r => $"{ObjectiveNames.Tensor} {ObjectiveNames.Pascal(r)}")
            .Concat(names.Gradients.Select(p => $"{ObjectiveNames.Tensor}? {names.GradientOf(p)}"));
        using (writer.Block($"{MemberAccessibility} readonly record struct {names.ResultType}({string.Join(", ", properties)}) : global::System.IDisposable"))
        {
            writer.Line("/// <summary>Disposes the results and the gradients.</summary>");
            using (writer.Block("public void Dispose()"))
            {
                foreach (var result in names.Results)
                    writer.Line($"{ObjectiveNames.Pascal(result)}?.Dispose();");
                foreach (var parameter in names.Gradients)
                    writer.Line($"{names.GradientOf(parameter)}?.Dispose();");
            }
        }
    }

    /// <summary>The module: typed as far as TorchSharp's modules are, up to six tensors.</summary>
    public void Loss(SourceWriter writer)
    {
        documentation.Loss(writer);
        writer.Line(GeneratedFile.GeneratedCode);
        var tensors = names.Tensors.ToArray();
        var isTyped = tensors.Length is > 0 and <= 6;
        const string Module = "global::TorchSharp.torch.nn.Module";
        var types = string.Join(", ", tensors.Select(ObjectiveNames.Type).Append(names.ReturnType));
        using (writer.Block($"{MemberAccessibility} sealed class {names.LossType} : {(isTyped ? $"{Module}<{types}>" : Module)}"))
        {
            foreach (var parameter in names.HyperParameters)
                writer.Line($"private readonly {ObjectiveNames.Type(parameter)} {Field(parameter)};");
            if (names.HyperParameters.Any())
                writer.Line();
            documentation.Constructor(writer);
            using (writer.Block($"public {names.LossType}({string.Join(", ", names.HyperParameters.Select(ObjectiveNames.Declaration))}) : base({SourceWriter.Quoted(names.LossType)})"))
            {
                foreach (var parameter in names.HyperParameters)
                    writer.Line($"this.{Field(parameter)} = {SourceWriter.Identifier(parameter.Name)};");
            }

            writer.Line();
            documentation.Forward(writer);
            var arguments = names.Parameters.Select(p => p.Kind == ParameterKind.Tensor ? SourceWriter.Identifier(p.Name) : "this." + Field(p));
            using (writer.Block($"public {(isTyped ? "override " : "")}{names.ReturnType} forward({string.Join(", ", tensors.Select(ObjectiveNames.Declaration))})"))
                writer.Line($"return Fused.{SourceWriter.Identifier(names.Name)}({string.Join(", ", arguments)});");
        }
    }


    private static string Field(FunctionParameter parameter) => "_" + parameter.Name;
}
