using System.Reflection;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Generator.Emit;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Harness;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>How a kernel is run: the compute type, and the width of the vectors in bits.</summary>
public readonly record struct SimdMachine(bool IsDouble, int Bits);

/// <summary>Loop programs emitted as vector kernels, compiled together in memory without a warning, and run.</summary>
internal sealed class SimdCode
{
    /// <summary>Both compute types on every width.</summary>
    public static readonly SimdMachine[] Machines = [.. new[] { 512, 256, 128 }.SelectMany(b => new SimdMachine[] { new(true, b), new(false, b) })];

    private delegate KernelFault KernelCall(Span<KernelBuffer> buffers, ReadOnlySpan<long> extents, ReadOnlySpan<double> scalars, ulong needs);

    private readonly IReadOnlyList<LoopProgram> programs;
    private readonly IReadOnlyList<string> axes;
    private readonly SimdKernel[] storage;
    private readonly Type entry;

    public SimdCode(IReadOnlyList<LoopProgram> programs, params string[] axes)
    {
        this.programs = programs;
        this.axes = axes;
        storage = programs.Select(p => new SimdKernel(p, axes.ToEquatableArray())).ToArray();
        Texts = programs.Select((p, i) => SimdEmitter.Emit(p, "Kernel" + i, axes.ToEquatableArray())).ToArray();
        var source = "#nullable enable\n" + string.Join("\n", Texts) + "internal static class Emitted\n{\n" + string.Concat(programs.Select((_, i) => Entries(i))) + "}\n";
        var project = new InMemoryProject([source], checkOverflow: true);
        var complaints = project.CompilerDiagnostics();
        Assert.True(complaints.Length == 0, string.Join("\n", complaints.Take(8).Select(c => c + "\n" + c.Location.SourceTree?.GetText().Lines[c.Location.GetLineSpan().StartLinePosition.Line])) + "\n" + (complaints.Length == 0 ? "" : source));
        entry = project.Load().GetType("Emitted")!;
    }

    public IReadOnlyList<string> Texts { get; }

    /// <summary>Runs a kernel on numbers; outputs that are not wanted come back as null.</summary>
    /// <param name="kernel">Which.</param>
    /// <param name="machine">On what.</param>
    /// <param name="inputs">The inputs, in order.</param>
    /// <param name="sizes">The sizes of the axes.</param>
    /// <param name="scalars">The host's scalars.</param>
    /// <param name="needs">Bit k is set if gradient k is wanted.</param>
    /// <param name="isForeign">Whether tensors that may be of any dtype are of the other floating-point type, or int32.</param>
    public (double[]?[] Outputs, KernelFault Fault) Run(
        int kernel,
        SimdMachine machine,
        IReadOnlyList<double[]> inputs,
        IReadOnlyDictionary<string, long> sizes,
        IReadOnlyList<double> scalars,
        ulong needs = ulong.MaxValue,
        bool isForeign = false)
    {
        var program = programs[kernel];
        var memory = new Array?[program.Buffers.Count];
        var table = new KernelBuffer[program.Buffers.Count];
        var gradients = program.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        foreach (var buffer in program.Buffers)
        {
            if (buffer.Role is not (BufferRole.Input or BufferRole.Output or BufferRole.Gradient))
                continue;
            if (buffer.Role == BufferRole.Gradient && (needs & (1UL << Array.IndexOf(gradients, program.Source.Outputs[buffer.Argument]))) == 0)
                continue;
            var length = buffer.Extents.Aggregate(1L, (n, e) => n * (e.Constant + e.Terms.Sum(t => t.Coefficient * sizes[t.Name])));
            var isOther = isForeign && storage[kernel].IsStored(buffer.Id);
            Array array = buffer.Kind switch
            {
                ElementKind.Integer when isOther => Pinned<int>(length, table, buffer.Id, StorageType.Int32),
                ElementKind.Real when isOther => machine.IsDouble ? Pinned<float>(length, table, buffer.Id, StorageType.Float32) : Pinned<double>(length, table, buffer.Id, StorageType.Float64),
                ElementKind.Integer => Pinned<long>(length, table, buffer.Id),
                ElementKind.Boolean => Pinned<byte>(length, table, buffer.Id),
                _ => machine.IsDouble ? Pinned<double>(length, table, buffer.Id) : Pinned<float>(length, table, buffer.Id),
            };
            memory[buffer.Id] = array;
            for (var i = 0; i < length; i++)
                array.SetValue(Convert.ChangeType(buffer.Role == BufferRole.Input ? inputs[buffer.Argument][i] : buffer.Kind == ElementKind.Real ? -777 : 77, array.GetType().GetElementType()!), i);
        }

        var call = entry.GetMethod($"Run{kernel}_{(machine.IsDouble ? "double" : "float")}_{machine.Bits}", BindingFlags.Static | BindingFlags.NonPublic)!.CreateDelegate<KernelCall>();
        var fault = call(table, axes.Select(a => sizes[a]).ToArray(), scalars.ToArray(), needs);
        var outputs = new double[]?[program.Source.Outputs.Count];
        foreach (var buffer in program.Buffers)
            if (buffer.Role is BufferRole.Output or BufferRole.Gradient && memory[buffer.Id] is { } array)
            {
                outputs[buffer.Argument] = array.Cast<object>().Select(Convert.ToDouble).Take(array.Length - 1).ToArray();
                Assert.True(Convert.ToDouble(array.GetValue(array.Length - 1)) == 99, $"{buffer.Name} was written beyond its end.\n{Texts[kernel]}");
            }

        return (outputs, fault);
    }

    // One more element than the kernel may touch, with a value that must stay.
    private static unsafe T[] Pinned<T>(long length, KernelBuffer[] table, int buffer, StorageType storage = StorageType.Own)
        where T : unmanaged
    {
        var array = GC.AllocateArray<T>((int)length + 1, pinned: true);
        array[length] = (T)Convert.ChangeType(99, typeof(T));
        table[buffer] = new((nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref array[0]), storage);
        return array;
    }

    private static string Entries(int kernel) => string.Concat(Machines.Select(m =>
    {
        var type = m.IsDouble ? "double" : "float";
        return $"    internal static global::Dpo.Autodiff.Cpu.KernelFault Run{kernel}_{type}_{m.Bits}(global::System.Span<global::Dpo.Autodiff.Cpu.KernelBuffer> buffers, global::System.ReadOnlySpan<long> extents, global::System.ReadOnlySpan<double> scalars, ulong needs) =>\n"
            + $"        global::Dpo.Autodiff.Cpu.KernelLauncher.Launch<Kernel{kernel}, {type}, global::Dpo.Autodiff.Cpu.V{m.Bits}<{type}>>(buffers, extents, scalars, needs);\n";
    }));
}
