using System.Globalization;
using Dpo.Autodiff.Generator.Emit.Cuda;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Api;

/// <summary>A launch plan as the C# that makes the runtime's program of it.</summary>
/// <param name="plan">The plan.</param>
/// <param name="size">An extent as the runtime's Size.</param>
/// <param name="slot">The runtime's Slot of a buffer; null for workspace.</param>
internal sealed class CudaProgramEmitter(CudaPlan plan, Func<Extent, string> size, Func<LoopBuffer, string?> slot)
{
    private const string Namespace = "global::Dpo.Autodiff.Cuda.";

    // Buffers that live in kernels alone are none of the runtime's.
    private readonly LoopBuffer[] buffers = [.. plan.Program.Buffers.Where(b => b.Scope == BufferScope.Global && Used(plan).Contains(b.Id))];

    /// <summary>A method that makes the program.</summary>
    /// <param name="writer">Where it goes.</param>
    /// <param name="name">Whose kernels they are.</param>
    /// <param name="method">Its name; that with Text has the kernels' text.</param>
    public void Emit(SourceWriter writer, string name, string method)
    {
        writer.Line($"private static {Namespace}CudaProgram {method}() => new(");
        using (writer.Indented())
        {
            writer.Line($"{SourceWriter.Quoted(name)},");
            writer.Line($"{method}Text,");
            Table(writer, buffers.Select(b => $"new({SourceWriter.Quoted(plan.Names[b.Id])}, {Kind(b.Kind)}, {Sizes(b.Extents)}{Argument(b)}),"), ",");
            Table(writer, plan.Workspaces.Select(w => InvariantText.Of($"new({w.Launch}, {Kind(w.Kind)}{string.Concat(w.Extents.Select(e => ", " + NewSize(e)))}), // {w.Name}")), ",");
            Table(writer, plan.Faults.Select(f => $"new({Number(Place(f.Buffer))}, {NewSize(f.Axis)}),"), ",");
            Table(writer, plan.Steps.Select(s => Step(s) + ","), ");");
        }
    }

    private static void Table(SourceWriter writer, IEnumerable<string> rows, string end)
    {
        var all = rows.ToArray();
        if (all.Length == 0)
        {
            writer.Line("[]" + end);
            return;
        }

        writer.Line("[");
        using (writer.Indented())
            foreach (var row in all)
                writer.Line(row);
        writer.Line("]" + end);
    }

    private string Argument(LoopBuffer buffer) => slot(buffer) is { } argument ? $", {argument}{(plan.Stored[buffer.Id] ? ", true" : "")}" : "";

    private string Step(CudaStep step) => step switch
    {
        CudaStep.Launch launch => $"new {Namespace}CudaLaunch({SourceWriter.Quoted(launch.Kernel)}, {Namespace}CudaGrid.{launch.Grid}, {Sizes(launch.Items)}, {Sizes(launch.Row)}, "
            + $"{SourceWriter.Quoted(string.Join(" ", launch.Arguments.Select(Argument)))}{Gradients(step)})",
        CudaStep.Contract { Node: var contract } => $"new {Namespace}CudaContract({Number(Place(contract.Left.Buffer))}, {Number(Place(contract.Right.Buffer))}, {Number(Place(contract.Result.Buffer))}, "
            + $"{SourceWriter.Quoted($"{Letters(contract.Left)},{Letters(contract.Right)}->{Letters(contract.Result)}")}{Gradients(step)})",
        CudaStep.Sort sort => $"new {Namespace}CudaSort({Number(Place(sort.Source))}, {Number(Place(sort.Values))}, {Number(Place(sort.Permutation))}, {(sort.Descending ? "true" : "false")}{Gradients(step)})",
        _ => throw new InvalidOperationException("There is no other step."),
    };

    private string Argument(CudaArgument argument) => argument.Kind switch
    {
        CudaArgumentKind.Buffer => "b" + Number(Place(argument.Id)),
        CudaArgumentKind.Workspace => "w" + Number(argument.Id),
        CudaArgumentKind.Blocks => "g" + Number(argument.Id),
        CudaArgumentKind.Axis => "n" + Number(argument.Id),
        CudaArgumentKind.Scalar => "s" + Number(argument.Id),
        CudaArgumentKind.AbsentUpstream => "u",
        CudaArgumentKind.Faults => "f",
        _ => "c",
    };

    private static HashSet<int> Used(CudaPlan plan)
    {
        var used = new HashSet<int>(plan.Faults.Select(f => f.Buffer));
        foreach (var step in plan.Steps)
        {
            used.UnionWith(step switch
            {
                CudaStep.Launch launch => launch.Arguments.Where(a => a.Kind == CudaArgumentKind.Buffer).Select(a => a.Id),
                CudaStep.Contract { Node: var contract } => [contract.Left.Buffer, contract.Right.Buffer, contract.Result.Buffer],
                CudaStep.Sort sort => [sort.Source, sort.Values, sort.Permutation],
                _ => [],
            });
        }

        // An output of which nothing is written is there all the same.
        used.UnionWith(plan.Program.Buffers.Where(b => b.Role is BufferRole.Output or BufferRole.Gradient or BufferRole.Residual).Select(b => b.Id));
        return used;
    }

    private int Place(int buffer) => Array.FindIndex(buffers, b => b.Id == buffer);

    private string Sizes(IEnumerable<Extent> extents) => $"[{string.Join(", ", extents.Select(size))}]";

    private string NewSize(Extent extent)
    {
        var text = size(extent);
        return "new global::Dpo.Autodiff.Execution.Size" + text.Substring("new".Length);
    }

    private static string Letters(ContractOperand operand) => string.Concat(operand.Axes.Select(a => (char)('a' + a)));

    private static string Gradients(CudaStep step) => step.Gradients == 0 ? "" : InvariantText.Of($", {step.Gradients}UL");

    private static string Kind(ElementKind kind) => $"global::Dpo.Autodiff.Execution.ElementKind.{kind}";

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
