using System.Globalization;
using Dpo.Autodiff.Generator.Emit.Cuda;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Api;

/// <summary>
/// The private class behind the public members: what the runtime must know of the arguments, the variants with their kernels, the
/// choice among them and the scalars that they read.
/// </summary>
internal sealed class PlanEmitter
{
    private const string Execution = "global::Dpo.Autodiff.Execution.";

    private readonly ObjectiveNames names;
    private readonly CompiledObjective objective;
    private readonly List<(string Kernel, LoopProgram Program, ulong Donations)> cuda = [];

    public PlanEmitter(ObjectiveNames names)
    {
        this.names = names;
        objective = names.Objective;
    }

    /// <summary>The largest table of scalars of a variant.</summary>
    public int Scalars => objective.Variants.Select(v => v.Gradient.Source.Host.Count).DefaultIfEmpty(0).Max();

    /// <summary>Whether every variant has the same gradients, so that their places in the results are known.</summary>
    public bool HasUniformGradients => objective.Variants.All(v => GradientParameters(v).SequenceEqual(names.Gradients.Select(p => names.Parameter(p.Name))));

    public static string KernelName(ObjectiveNames names, int variant, string kernel) => names.Name + kernel + Suffix(variant);

    public void Emit(SourceWriter writer)
    {
        writer.Line($"/// <summary>What the runtime runs for {names.Name}: arguments, kernels, and the choice among them.</summary>");
        using (writer.Block($"private static class {names.PlanType}"))
        {
            Spec(writer);
            for (var i = 0; i < objective.Variants.Count; i++)
                Variant(writer, i);
            Choose(writer);
            for (var i = 0; i < objective.Variants.Count; i++)
                ScalarsOf(writer, i);
            foreach (var (kernel, program, donations) in cuda)
                Cuda(writer, kernel, program, donations);
            if (!HasUniformGradients)
                GradientLookup(writer);
            Eager(writer);
        }
    }

    /// <summary>The arguments of <c>Choose</c>: everything the decision and the scalars may read.</summary>
    public string ChooseArguments => string.Join(", ", names.HyperParameters.Select(p => SourceWriter.Identifier(p.Name))
        .Prepend($"{names.TensorTable}, {names.ExtentTable}, {names.ScalarTable}"));

    private string ChooseParameters => string.Join(", ", names.HyperParameters.Select(p => $"{ObjectiveNames.Type(p)} {SourceWriter.Identifier(p.Name)}")
        .Prepend($"global::System.ReadOnlySpan<{ObjectiveNames.Tensor}?> {names.TensorTable}, global::System.ReadOnlySpan<long> {names.ExtentTable}, global::System.Span<double> {names.ScalarTable}"));

    private void Spec(SourceWriter writer)
    {
        writer.Line($"internal static readonly {Execution}ObjectiveSpec Spec = new(");
        using (writer.Indented())
        {
            writer.Line($"{SourceWriter.Quoted(names.Name)},");
            writer.Line($"[{string.Join(", ", names.Axes.Select(SourceWriter.Quoted))}],");
            writer.Line("[");
            using (writer.Indented())
                foreach (var parameter in names.Tensors)
                {
                    var axes = string.Join(", ", AxisNames.Extents(parameter).Select(Size));
                    writer.Line(InvariantText.Of($"new({SourceWriter.Quoted(parameter.Name)}, [{axes}], {SourceWriter.Quoted(parameter.Axes ?? "")}, {Uses(parameter)}, {Flag(parameter.Nullable)}, {Flag(parameter.NoGrad)}, {Flag(parameter.Donated)}),"));
                }

            writer.Line("],");
            writer.Line($"[{string.Join(", ", names.Results.Select(SourceWriter.Quoted))}]);");
        }

        writer.Line();
    }

    private string Uses(FunctionParameter parameter)
    {
        var uses = objective.Variants.SelectMany(v => v.Forward.Inputs.Where(i => i.Name == parameter.Name).Select(i => Use(v.Forward, i.Variable))).Distinct()
            .OrderBy(u => Array.IndexOf(["Value", "Index", "Condition", "Count"], u)).Select(u => Execution + "ParameterUses." + u).ToArray();
        return uses.Length == 0 ? Execution + "ParameterUses.None" : string.Join(" | ", uses);
    }

    private static string Use(Program program, int input) => program.Types[input].Kind switch
    {
        ElementKind.Real => "Value",
        ElementKind.Integer => IsOnlySummed(program, input) ? "Count" : "Index",
        _ => "Condition",
    };

    /// <summary>Whether all that reads a variable, or a view of it, adds it up: then conditions are as good as numbers.</summary>
    private static bool IsOnlySummed(Program program, int variable) =>
        program.Equations.Where(e => e.Operands.Any(o => o.IsVariable && o.Id == variable))
            .All(e => e.Primitive is Primitive.Sum or Primitive.CumSum || (e.Primitive == Primitive.Rearrange && IsOnlySummed(program, e.Results[0])));

    private string Size(Extent extent)
    {
        var terms = string.Concat(extent.Terms.Select(t => InvariantText.Of($", new {Execution}SizeTerm({names.Axes.ToList().IndexOf(t.Name)}, {t.Coefficient})")));
        return InvariantText.Of($"new({extent.Constant}{terms})");
    }

    private void Variant(SourceWriter writer, int index)
    {
        var variant = objective.Variants[index];
        writer.Line($"private static readonly {Execution}ObjectiveVariant Variant{Suffix(index)} = new()");
        using (writer.Block("", "};"))
        {
            writer.Line("Results =");
            writer.Line("[");
            using (writer.Indented())
                foreach (var result in variant.Forward.Outputs)
                {
                    var type = variant.Forward.Types[result.Variable];
                    var dtype = string.Join(", ", result.DType.Select(t => DType(t)));
                    writer.Line($"new({SourceWriter.Quoted(result.Name)}, {Execution}ElementKind.{type.Kind}, [{string.Join(", ", type.Extents.Select(Size))}], {Gradients(variant, result)}, [{dtype}]),");
                }

            writer.Line("],");
            if (variant.ValueAndResiduals is { Source: var source })
            {
                writer.Line("Residuals =");
                writer.Line("[");
                using (writer.Indented())
                    foreach (var type in source.Outputs.Where(o => o.Role == OutputRole.Residual).Select(o => source.Types[o.Variable]))
                        writer.Line(Kept(type) + ",");
                writer.Line("],");
            }

            writer.Line($"Gradients = [{string.Join(", ", GradientParameters(variant).Select(Number))}],");
            var host = variant.Gradient.Source.Host;
            var upstreams = Enumerable.Range(0, host.Count).Where(s => host[s].Operation == HostOperation.HasUpstream).ToArray();
            if (upstreams.Length > 0)
                writer.Line($"Upstreams = [{string.Join(", ", upstreams.Select(s => InvariantText.Of($"new({s}, [{string.Join(", ", host[s].Text.Split('|').Select(r => Number(names.Result(r))))}])")))}],");
            Loops(writer, index, "Value", variant.Value);
            Loops(writer, index, "ValueAndGradient", variant.ValueAndGradient);
            if (variant.ValueAndResiduals is { } keeping)
                Loops(writer, index, "ValueAndResiduals", keeping);
            Loops(writer, index, "Gradient", variant.Gradient, Donations(variant.Gradient));
            foreach (var (kernel, tiled) in variant.Tiled)
                Tiled(writer, index, kernel, tiled);
            Torch(writer, index, "Value", variant.Forward);
            Torch(writer, index, "ValueAndGradient", variant.Joint);
            Torch(writer, index, "Gradient", variant.Backward);
        }

        writer.Line();
    }

    private static IEnumerable<string> GradientNames(Variant variant) => variant.Joint.Outputs.Where(o => o.Role == OutputRole.Gradient).Select(o => o.Name);

    private IEnumerable<int> GradientParameters(Variant variant) => GradientNames(variant).Select(names.Parameter);

    /// <summary>Bit k is set if gradient k is of the result.</summary>
    private static string Gradients(Variant variant, ProgramOutput result) =>
        InvariantText.Of($"{GradientNames(variant).Take(64).Select((name, k) => result.Reached.Contains(name) ? 1UL << k : 0).Aggregate(0UL, (all, bit) => all | bit)}");

    private string DType(DTypeTerm term)
    {
        var (parameter, dtype) = term.IsParameter ? (Number(names.Parameter(term.Source)), "default") : ("-1", "global::TorchSharp.torch.ScalarType." + term.Source);
        var without = term.WithoutParameter is { } optional ? ", " + Number(names.Parameter(optional)) : "";
        return $"new({parameter}, {dtype}, {Flag(term.HasDimensions)}, {Execution}DTypeLift.{term.Lift}{without})";
    }

    private void Tiled(SourceWriter writer, int index, string kernel, TiledLoops tiled)
    {
        writer.Line($"Tiled{kernel} = new(");
        using (writer.Indented())
        {
            writer.Line(InvariantText.Of($"axis: {names.Axes.ToList().IndexOf(tiled.Axis)},"));
            writer.Line($"wide: [{string.Join(", ", tiled.Wide.Select(Size))}],");
            writer.Line(InvariantText.Of($"rows: {tiled.Rows},"));
            writer.Line(InvariantText.Of($"products: {tiled.Products},"));
            writer.Line($"handed: [{string.Join(", ", tiled.Handed.Select(Kept))}],");
            Part(writer, index, kernel, "Before", tiled.Before, ",");
            Part(writer, index, kernel, "Tile", tiled.Tile, ",");
            Part(writer, index, kernel, "After", tiled.After, "),");
        }
    }

    private void Part(SourceWriter writer, int index, string kernel, string part, LoopProgram? program, string end)
    {
        var name = char.ToLowerInvariant(part[0]) + part.Substring(1);
        if (program is null)
        {
            writer.Line($"{name}: null{end}");
            return;
        }

        var simd = new SimdKernel(program, names.Axes.ToEquatableArray());
        var gradients = program.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).Select(o => Number(names.Parameter(o.Name)));
        var added = program.Buffers.Where(b => Slot(program, b) is not null).Select((b, i) => (Buffer: b.Id, Argument: i)).Where(a => simd.IsAddedTo(a.Buffer)).Select(a => Number(a.Argument));
        writer.Line($"{name}: new(");
        using (writer.Indented())
        {
            Loops(writer, index, kernel + part, program, isTile: true);
            writer.Line(InvariantText.Of($"inputs: {program.Source.Inputs.Count},"));
            writer.Line($"gradients: [{string.Join(", ", gradients)}],");
            writer.Line($"added: [{string.Join(", ", added)}]){end}");
        }
    }

    private string Kept(TensorType type) => $"new({Execution}ElementKind.{type.Kind}, [{string.Join(", ", type.Extents.Select(Size))}])";

    private void Loops(SourceWriter writer, int index, string kernel, LoopProgram program, ulong donations = 0, bool isTile = false)
    {
        var storage = new SimdKernel(program, names.Axes.ToEquatableArray());
        writer.Line($"{(isTile ? "kernel:" : kernel + " =")} new(");
        using (writer.Indented())
        {
            writer.Line($"global::Dpo.Autodiff.Cpu.KernelLauncher.Launch<{KernelName(names, index, kernel)}>,");
            writer.Line(InvariantText.Of($"{program.Buffers.Count},"));
            writer.Line("[");
            using (writer.Indented())
                foreach (var buffer in program.Buffers)
                {
                    if (Slot(program, buffer) is { } slot)
                        writer.Line(InvariantText.Of($"new({buffer.Id}, {slot}{(storage.IsStored(buffer.Id) ? ", true" : "")}), // {buffer.Name}"));
                }

            // A card runs the whole: its kernels are not in tiles yet.
            if (isTile)
            {
                writer.Line("]),");
                return;
            }

            writer.Line("],");
            if (donations != 0)
                writer.Line(InvariantText.Of($"donations: {donations}UL,"));
            var name = KernelName(names, index, kernel);
            cuda.Add((name, program, donations));
            writer.Line($"cuda: {CudaName(name)}),");
        }
    }

    /// <summary>The texts of all CUDA kernels, after <see cref="Emit"/>.</summary>
    public IEnumerable<string> CudaTexts => cuda.Select(c => $"{names.PlanType}.{CudaName(c.Kernel)}Text()");

    private static string CudaName(string kernel) => "Cuda" + kernel;

    /// <summary>Made when tensors on a card first ask for it.</summary>
    private void Cuda(SourceWriter writer, string kernel, LoopProgram program, ulong donations)
    {
        var plan = CudaEmitter.Emit(program, kernel, names.Axes.ToEquatableArray(), donations);
        new CudaProgramEmitter(plan, Size, buffer => Slot(program, buffer)).Emit(writer, names.Name, CudaName(kernel));
        writer.Line();
        writer.Line("/// <summary>CUDA C, after its prelude.</summary>");
        writer.Line($"internal static string {CudaName(kernel)}Text() => global::System.Text.Encoding.UTF8.GetString(");
        InfoEmitter.Text(writer, plan.Source, "u8);");
        writer.Line();
    }

    /// <summary>The gradients that may be written over what the user donates: by a kernel that cannot fail any more.</summary>
    private ulong Donations(LoopProgram program)
    {
        var gradients = program.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        var donated = 0UL;
        for (var k = 0; k < gradients.Length; k++)
            if (names.Tensors.Any(p => p.Name == gradients[k].Name && p.Donated))
                donated |= 1UL << k;
        return donated == 0 ? 0 : donated & Donation.Of(program);
    }

    private string? Slot(LoopProgram program, LoopBuffer buffer) => buffer.Role switch
    {
        BufferRole.Input => InputSlot(program.Source, program.Source.Inputs[buffer.Argument]),
        BufferRole.Output or BufferRole.Gradient or BufferRole.Residual => OutputSlot(program.Source, program.Source.Outputs[buffer.Argument]),
        _ => null,
    };

    private void Torch(SourceWriter writer, int index, string kernel, Program program)
    {
        writer.Line($"Torch{kernel} = new(");
        using (writer.Indented())
        {
            writer.Line($"{names.Name}Torch{Suffix(index)}.{kernel},");
            writer.Line($"[{string.Join(", ", program.Inputs.Select(i => InputSlot(program, i)))}],");
            writer.Line($"[{string.Join(", ", program.Outputs.Select(o => OutputSlot(program, o)))}]),");
        }
    }

    private string InputSlot(Program program, ProgramInput input)
    {
        var kind = program.Types[input.Variable].Kind;
        return input.Role switch
        {
            InputRole.Upstream => NewSlot("Upstream", names.Result(input.Name.Substring("d_".Length)), kind),
            InputRole.Residual => NewSlot("Residual", Residuals.NumberOf(input.Name), kind),
            _ => NewSlot("Parameter", names.Parameter(input.Name), kind),
        };
    }

    private string OutputSlot(Program program, ProgramOutput output)
    {
        var kind = program.Types[output.Variable].Kind;
        return output.Role switch
        {
            OutputRole.Gradient => NewSlot("Gradient", names.Parameter(output.Name), kind),
            OutputRole.Residual => NewSlot("Residual", Residuals.NumberOf(output.Name), kind),
            _ => NewSlot("Result", names.Result(output.Name), kind),
        };
    }

    private static string NewSlot(string role, int index, ElementKind kind) =>
        InvariantText.Of($"new {Execution}Slot({Execution}SlotRole.{role}, {index}, {Execution}ElementKind.{kind})");

    private void Choose(SourceWriter writer)
    {
        writer.Line("/// <summary>The kernels for these hyper-parameters and absent tensors; fills in the scalars that they read.</summary>");
        using (writer.Block($"internal static {Execution}ObjectiveVariant Choose({ChooseParameters})"))
            Decide(writer, objective.Decisions, "c");
        writer.Line();
    }

    private void Decide(SourceWriter writer, Decision decision, string prefix)
    {
        switch (decision)
        {
            case Decision.Leaf leaf:
                writer.Line($"Scalars{Suffix(leaf.Variant)}({ChooseArguments});");
                writer.Line($"return Variant{Suffix(leaf.Variant)};");
                break;
            case Decision.Throw thrown:
                writer.Line($"throw new {thrown.Exception}({thrown.Message});");
                break;
            case Decision.Branch branch:
                var condition = new HostCode(branch.Host, names, prefix).Local(writer, branch.Condition);
                using (writer.Block($"if ({condition})"))
                    Decide(writer, branch.WhenTrue, prefix + "t");
                using (writer.Block("else"))
                    Decide(writer, branch.WhenFalse, prefix + "f");
                break;
        }
    }

    private void ScalarsOf(SourceWriter writer, int index)
    {
        var variant = objective.Variants[index];
        var host = variant.Gradient.Source.Host;
        var read = new SortedSet<int>(
            new[] { variant.Forward, variant.Joint, variant.Backward, variant.Value.Source, variant.ValueAndGradient.Source, variant.ValueAndResiduals?.Source ?? variant.Forward, variant.Gradient.Source }
                .Concat(variant.Tiled.SelectMany(t => t.Loops.Parts).Select(p => p.Loops.Source))
                .SelectMany(p => p.Equations).SelectMany(e => e.Operands).Where(o => o.IsHost).Select(o => o.Id));
        using (writer.Block($"private static void Scalars{Suffix(index)}({ChooseParameters})"))
        {
            var code = new HostCode(host, names, "s");
            foreach (var id in read)
                writer.Line(InvariantText.Of($"{names.ScalarTable}[{id}] = {code.AsDouble(writer, id)};"));
        }

        writer.Line();
    }

    private void GradientLookup(SourceWriter writer)
    {
        writer.Line("/// <summary>The gradient of a parameter, or null where it is absent in this variant.</summary>");
        using (writer.Block($"internal static {ObjectiveNames.Tensor}? Gradient({Execution}ObjectiveVariant variant, {ObjectiveNames.Tensor}?[] all, int parameter)"))
        {
            writer.Line("var place = global::System.Array.IndexOf(variant.Gradients, parameter);");
            writer.Line("return place < 0 ? null : all[variant.Results.Length + place];");
        }

        writer.Line();
    }

    private void Eager(SourceWriter writer)
    {
        var parameters = string.Join(", ", names.Parameters.Select(p => $"{ObjectiveNames.Type(p)} {SourceWriter.Identifier(p.Name)}"));
        writer.Line("/// <summary>The method itself.</summary>");
        using (writer.Block($"internal static {ObjectiveNames.Tensor}[] Eager({parameters})"))
        {
            var result = names.Fresh("result");
            writer.Line($"var {result} = {names.Method}({string.Join(", ", names.Parameters.Select(p => SourceWriter.Identifier(p.Name)))});");
            writer.Line(names.Objective.Model.Returns.IsTuple
                ? $"return [{string.Join(", ", Enumerable.Range(1, names.Results.Count).Select(i => InvariantText.Of($"{result}.Item{i}{Given(i - 1)}")))}];"
                : $"return [{result}{Given(0)}];");
        }

        writer.Line();
        var hyper = string.Concat(names.HyperParameters.Select(p => $", {ObjectiveNames.Type(p)} {SourceWriter.Identifier(p.Name)}"));
        var (given, table, upstream) = (names.Fresh("t"), names.TensorTable, names.Fresh("upstream"));
        var arguments = string.Join(", ", names.Parameters.Select(p => p.Kind == ParameterKind.Tensor ? InvariantText.Of($"{given}[{names.Parameter(p.Name)}]{(p.Nullable ? "" : "!")}") : SourceWriter.Identifier(p.Name)));
        using (writer.Block($"internal static {ObjectiveNames.Tensor}?[] EagerWithGrad(global::System.ReadOnlySpan<{ObjectiveNames.Tensor}?> {table}, {ObjectiveNames.Tensor}? {upstream}{hyper})"))
            writer.Line($"return {Execution}ObjectiveRun.EagerWithGrad(Spec, [{string.Join(", ", names.Gradients.Select(p => Number(names.Parameter(p.Name))))}], {table}, {given} => Eager({arguments}), {upstream});");
    }

    // No result is null, whatever the method's type says.
    private string Given(int result) => names.Objective.Model.Returns.IsNullable[result] ? "!" : "";

    private static string Flag(bool value) => value ? "true" : "false";

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Suffix(int variant) => Number(variant);
}
