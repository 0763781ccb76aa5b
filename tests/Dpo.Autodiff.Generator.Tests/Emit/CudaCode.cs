using System.Runtime.InteropServices;
using Dpo.Autodiff.Generator.Emit.Cuda;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Testing;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>How the emulation spreads threads: a block's, at most so many blocks at once, and the order of warps.</summary>
public readonly record struct CudaMachine(int Threads, int Multiprocessors, ulong Seed);

/// <summary>Loop programs emitted as CUDA kernels, compiled together for the processor, and run as their plans say, in double.</summary>
internal sealed unsafe class CudaCode
{
    private readonly IReadOnlyList<CudaPlan> plans;
    private readonly IReadOnlyList<string> axes;
    private readonly nint library;

    /// <param name="programs">The loop programs.</param>
    /// <param name="axes">The named axes.</param>
    public CudaCode(IReadOnlyList<LoopProgram> programs, params string[] axes)
    {
        this.axes = axes;
        plans = programs.Select((p, i) => CudaEmitter.Emit(p, "Kernel" + i, axes.ToEquatableArray())).ToArray();
        var sources = plans.Select((p, i) => $"namespace program{i} {{\n{p.Source}\n{string.Concat(p.Steps.OfType<CudaStep.Launch>().Select(l => $"DPO_EXPORT(launch_{l.Kernel}, {l.Kernel})\n"))}}}\n{Undefine(p)}");
        var text = $"#define real double\n{Toolchain.Header("Emulation.h")}\n{Autodiff.Cuda.CudaPrelude.Text}\n{string.Join("\n", sources)}";
        var file = Path.Combine(Path.GetTempPath(), "dpo-autodiff-" + Guid.NewGuid().ToString("N"));
        File.WriteAllText(file + ".cpp", text);
        var compiled = file + ".so";
        var complaints = Toolchain.Run(Toolchain.Gcc, "-std=c++17", "-O1", "-fno-strict-aliasing", "-ffp-contract=off", "-w", "-shared", "-fPIC", "-o", compiled, file + ".cpp");
        Assert.True(complaints is null, string.Join("\n", (complaints ?? "").Split('\n').Take(30)));
        library = NativeLibrary.Load(compiled);
        File.Delete(compiled);
        File.Delete(file + ".cpp");
    }

    public IReadOnlyList<CudaPlan> Plans => plans;

    /// <summary>Runs a plan on numbers; outputs that are not wanted come back as null.</summary>
    public (double[]?[] Outputs, long Fault) Run(
        int program, CudaMachine machine, IReadOnlyList<double[]> inputs, IReadOnlyDictionary<string, long> sizes, IReadOnlyList<double> scalars, ulong needs = ulong.MaxValue)
    {
        var plan = plans[program];
        var loops = plan.Program;
        var gradients = loops.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        long SizeOf(Extent extent) => extent.Constant + extent.Terms.Sum(t => t.Coefficient * sizes[t.Name]);
        long Count(IEnumerable<Extent> extents) => extents.Aggregate(1L, (n, e) => n * SizeOf(e));
        var allocated = new List<nint>();
        nint Allocate(long bytes)
        {
            var memory = (nint)NativeMemory.Alloc((nuint)bytes + 64);
            new Span<byte>((void*)memory, (int)bytes + 64).Fill(0xFF);
            allocated.Add(memory);
            return memory;
        }

        var buffers = new nint[loops.Buffers.Count];
        foreach (var buffer in loops.Buffers.Where(b => b.Scope == BufferScope.Global))
        {
            if (buffer.Role == BufferRole.Gradient && (needs & (1UL << Array.IndexOf(gradients, loops.Source.Outputs[buffer.Argument]))) == 0)
                continue;
            var count = Count(buffer.Extents);
            buffers[buffer.Id] = Allocate(count * 8);
            if (buffer.Role == BufferRole.Input)
                for (var i = 0; i < count; i++)
                    Set(buffers[buffer.Id], buffer.Kind, i, inputs[buffer.Argument][i]);
        }

        var grids = new long[plan.Steps.Count];
        var workspaces = new nint[plan.Workspaces.Count];
        var faults = stackalloc long[4];
        new Span<long>(faults, 4).Clear();
        for (var s = 0; s < plan.Steps.Count; s++)
        {
            var step = plan.Steps[s];
            if (step.Gradients != 0 && (step.Gradients & needs) == 0)
                continue;
            switch (step)
            {
                case CudaStep.Launch launch:
                    var items = Count(launch.Items);
                    var limit = machine.Multiprocessors;
                    var grid = launch.Grid switch
                    {
                        CudaGrid.Elements => Math.Min((items + machine.Threads - 1) / machine.Threads, limit),
                        CudaGrid.Rows => Math.Min(items, limit),
                        CudaGrid.Owners => limit,
                        _ => 1,
                    };
                    grids[s] = grid;
                    for (var w = 0; w < workspaces.Length; w++)
                        if (plan.Workspaces[w].Launch == s)
                            workspaces[w] = Allocate(grid * Count(plan.Workspaces[w].Extents) * 8);
                    if (grid == 0)
                        break;
                    var arguments = launch.Arguments.Select(a => a.Kind switch
                    {
                        CudaArgumentKind.Buffer => (ulong)buffers[a.Id],
                        CudaArgumentKind.Workspace => (ulong)workspaces[a.Id],
                        CudaArgumentKind.Blocks => (ulong)grids[plan.Workspaces[a.Id].Launch],
                        CudaArgumentKind.Axis => (ulong)sizes[axes[a.Id]],
                        CudaArgumentKind.Scalar => BitConverter.DoubleToUInt64Bits(scalars[a.Id]),
                        CudaArgumentKind.AbsentUpstream => BitConverter.DoubleToUInt64Bits(1),
                        CudaArgumentKind.Faults => (ulong)faults,
                        _ => 1UL,
                    }).ToArray();
                    var function = (delegate* unmanaged<long, int, ulong*, ulong, byte*>)NativeLibrary.GetExport(library, "launch_" + launch.Kernel);
                    fixed (ulong* first = arguments)
                    {
                        var complaint = function(grid, machine.Threads, first, machine.Seed);
                        Assert.True(complaint == null, $"{launch.Kernel}: {Marshal.PtrToStringUTF8((nint)complaint)}\n{plan.Source}");
                    }

                    break;
                case CudaStep.Contract { Node: var contract }:
                    var builder = new ProgramBuilder("contract");
                    int Input(ContractOperand operand) => builder.Input(loops.Buffers[operand.Buffer].Name, new TensorType(ElementKind.Real, loops.Buffers[operand.Buffer].Extents), false);
                    builder.Output("product", builder.Contract(Input(contract.Left), Input(contract.Right), contract.Result.Axes.Count, contract.Left.Axes.ToArray(), contract.Right.Axes.ToArray()), OutputRole.Result);
                    var product = ProgramEvaluator.Run(builder.Build(), [Get(contract.Left.Buffer), Get(contract.Right.Buffer)], [], sizes)[0];
                    for (var i = 0; i < product.Length; i++)
                        Set(buffers[contract.Result.Buffer], ElementKind.Real, i, product[i]);
                    break;
                case CudaStep.Sort sort:
                    var row = Get(sort.Source);
                    var order = Enumerable.Range(0, row.Length).OrderBy(i => row[i], Comparer<double>.Create((a, b) => (sort.Descending ? -1 : 1) * Larger(a, b))).ToArray();
                    for (var i = 0; i < row.Length; i++)
                    {
                        Set(buffers[sort.Values], loops.Buffers[sort.Values].Kind, i, row[order[i]]);
                        Set(buffers[sort.Permutation], ElementKind.Integer, i, order[i]);
                    }

                    break;
            }
        }

        var outputs = new double[loops.Source.Outputs.Count][];
        foreach (var buffer in loops.Buffers)
            if (buffer.Role is BufferRole.Output or BufferRole.Gradient or BufferRole.Residual && buffers[buffer.Id] != 0)
                outputs[buffer.Argument] = Get(buffer.Id);
        foreach (var memory in allocated)
            NativeMemory.Free((void*)memory);
        return (outputs, faults[0]);

        double[] Get(int id) => Enumerable.Range(0, (int)Count(loops.Buffers[id].Extents)).Select(i => loops.Buffers[id].Kind switch
        {
            ElementKind.Integer => ((long*)buffers[id])[i],
            ElementKind.Boolean => ((byte*)buffers[id])[i],
            _ => ((double*)buffers[id])[i],
        }).ToArray();
    }

    private static int Larger(double a, double b) => double.IsNaN(a) || double.IsNaN(b) ? double.IsNaN(a).CompareTo(double.IsNaN(b)) : a.CompareTo(b);

    private static void Set(nint memory, ElementKind kind, int i, double value)
    {
        switch (kind)
        {
            case ElementKind.Integer:
                ((long*)memory)[i] = (long)value;
                break;
            case ElementKind.Boolean:
                ((byte*)memory)[i] = (byte)value;
                break;
            default:
                ((double*)memory)[i] = value;
                break;
        }
    }

    // The next program has buffers of the same names.
    private static string Undefine(CudaPlan plan) => string.Concat(plan.Names.Select(n => $"#undef STORE_{n}\n"));
}
