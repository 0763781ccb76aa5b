using System.Globalization;
using System.Text;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>A launch plan as text: its steps, with grid and block, and the memory between them.</summary>
public static class CudaPlanPrinter
{
    public static string Print(CudaPlan plan)
    {
        var text = new StringBuilder();
        text.Append("cuda ").Append(plan.Program.Name).Append('\n');
        for (var s = 0; s < plan.Steps.Count; s++)
        {
            text.Append("  ").Append(Number(s + 1)).Append(". ").Append(Step(plan, plan.Steps[s])).Append(Wanted(plan, plan.Steps[s].Gradients)).Append('\n');
            foreach (var workspace in plan.Workspaces.Where(w => w.Launch == s))
                text.Append("     ").Append(workspace.Name).Append(": ").Append(Kind(workspace.Kind)).Append('[').Append(string.Join(" ", workspace.Extents)).Append("] a block\n");
        }

        foreach (var buffer in plan.Program.Buffers.Where(b => b is { Scope: BufferScope.Global, Role: BufferRole.Workspace } && IsUsed(plan, b.Id)))
            text.Append("  ").Append(plan.Names[buffer.Id]).Append(": ").Append(Kind(buffer.Kind)).Append('[').Append(string.Join(" ", buffer.Extents)).Append("]\n");
        foreach (var fault in plan.Faults)
            text.Append("  fault: ").Append(plan.Names[fault.Buffer]).Append(" beyond ").Append(fault.Axis).Append('\n');
        return text.ToString();
    }

    /// <summary>How a launch spreads its work.</summary>
    public static string Describe(CudaStep.Launch launch) => launch.Grid switch
    {
        CudaGrid.Elements => $"A thread for each of [{string.Join(" ", launch.Items)}] or for a few in succession, 256 a block.",
        CudaGrid.Rows => $"A block for each of [{string.Join(" ", launch.Items)}], 32 to 512 threads for {Longest(launch.Row)}.",
        CudaGrid.Owners => launch.Row.Count > 0 ? $"A thread for each of {Longest(launch.Row)}, which takes the others in order." : "Every thread takes all in order, and writes a range of its own.",
        _ => launch.Row.Count > 0 ? $"One block, 32 to 512 threads for {Longest(launch.Row)}." : "One block of 256 threads.",
    };

    private static string Longest(EquatableArray<Extent> row) => row.Count == 1 ? row[0].ToString() : "the longest of " + string.Join(", ", row);

    private static string Step(CudaPlan plan, CudaStep step) => step switch
    {
        CudaStep.Launch launch => $"{launch.Kernel}. {Describe(launch)} No dynamic shared memory",
        CudaStep.Contract { Node: var contract } => $"{plan.Names[contract.Result.Buffer]} = {plan.Names[contract.Left.Buffer]} times {plan.Names[contract.Right.Buffer]}, by libtorch",
        CudaStep.Sort sort => $"{plan.Names[sort.Values]}, {plan.Names[sort.Permutation]} = sort {plan.Names[sort.Source]}{(sort.Descending ? " descending" : "")}, by libtorch",
        _ => "",
    };

    private static string Wanted(CudaPlan plan, ulong gradients)
    {
        if (gradients == 0)
            return "";
        var outputs = plan.Program.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        return $" (for {string.Join(" or ", outputs.Where((_, k) => (gradients & (1UL << k)) != 0).Select(o => "d_" + o.Name))})";
    }

    private static bool IsUsed(CudaPlan plan, int buffer) => plan.Steps.Any(s => s switch
    {
        CudaStep.Launch launch => launch.Arguments.Contains(new CudaArgument(CudaArgumentKind.Buffer, buffer)),
        CudaStep.Contract { Node: var contract } => contract.Left.Buffer == buffer || contract.Right.Buffer == buffer || contract.Result.Buffer == buffer,
        CudaStep.Sort sort => sort.Source == buffer || sort.Values == buffer || sort.Permutation == buffer,
        _ => false,
    });

    private static string Kind(ElementKind kind) => kind switch { ElementKind.Real => "real", ElementKind.Integer => "int", _ => "bool" };

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
