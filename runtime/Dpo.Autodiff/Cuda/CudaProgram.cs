using System.Collections.Concurrent;
using System.ComponentModel;
using System.Text;
using Dpo.Autodiff.Execution;
using static TorchSharp.torch;
using Size = Dpo.Autodiff.Execution.Size;

namespace Dpo.Autodiff.Cuda;

/// <summary>The CUDA kernels of one kernel of an objective, and the steps that run them in order.</summary>
/// <param name="name">Whose they are, for messages.</param>
/// <param name="source">Their text.</param>
/// <param name="buffers">The memory that they share.</param>
/// <param name="workspaces">The memory that each block of a launch has of its own.</param>
/// <param name="faults">What may be wrong with the data, by number.</param>
/// <param name="steps">What is launched, and called, in order.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class CudaProgram(string name, Func<string> source, CudaBuffer[] buffers, CudaWorkspace[] workspaces, CudaFault[] faults, CudaStep[] steps)
{
    private readonly ConcurrentDictionary<(ICudaDevice Device, string Types), CudaLoaded> loaded = new();

    internal CudaBuffer[] Buffers => buffers;

    internal CudaWorkspace[] Workspaces => workspaces;

    internal CudaFault[] Faults => faults;

    internal CudaStep[] Steps => steps;

    /// <summary>The code of the first fault in a call of these sizes; others follow.</summary>
    internal long FaultCode(ObjectiveSpec spec, ReadOnlySpan<long> extents)
    {
        if (shape is not { } last || !extents.SequenceEqual(last.Extents))
            shape = last = CudaFaults.Shape(firstFault ??= CudaFaults.Register(this, spec), extents);
        return last.Code;
    }

    private CudaShape? shape;
    private long? firstFault;

    /// <summary>The kernels for these storage types.</summary>
    /// <param name="device">Where they run.</param>
    /// <param name="isDouble">Whether the compute type is double.</param>
    /// <param name="types">The dtype of each buffer's tensor, as a character; 0 where the buffer has the kernel's own type.</param>
    internal CudaLoaded Load(ICudaDevice device, bool isDouble, ReadOnlySpan<char> types)
    {
        var key = (device, (isDouble ? "d" : "s") + types.ToString());
        return loaded.TryGetValue(key, out var known) ? known : loaded.GetOrAdd(key, Compile);
    }

    private CudaLoaded Compile((ICudaDevice Device, string Types) key)
    {
        var defines = new StringBuilder();
        if (key.Types[0] == 'd')
            defines.Append("#define real double\n");
        for (var i = 0; i < buffers.Length; i++)
        {
            if (key.Types[i + 1] != '\0')
                defines.Append("#define STORE_").Append(buffers[i].Name).Append(' ').Append(Storage((ScalarType)(key.Types[i + 1] - 1))).Append('\n');
        }

        string[] names = [.. steps.OfType<CudaLaunch>().Select(launch => launch.Kernel)];
        var module = key.Device.Load(name, source(), defines.ToString(), names);
        return new(module, [.. steps.Select(step => step is CudaLaunch launch ? module.Function(launch.Kernel) : 0)]);
    }

    private static string Storage(ScalarType dtype) => dtype switch
    {
        ScalarType.Float32 => "float",
        ScalarType.Float64 => "double",
        ScalarType.Float16 => "dpo_half",
        ScalarType.BFloat16 => "dpo_bfloat16",
        ScalarType.Int64 => "long long",
        ScalarType.Int32 => "int",
        ScalarType.Int16 => "short",
        ScalarType.Int8 => "signed char",
        _ => "unsigned char",
    };
}

/// <summary>Compiled kernels.</summary>
/// <param name="Module">Where they are.</param>
/// <param name="Functions">The kernel of each step that launches one.</param>
internal sealed record CudaLoaded(ICudaModule Module, nint[] Functions);

/// <summary>Memory that the kernels of a program share.</summary>
/// <param name="Name">Its name in the text.</param>
/// <param name="Kind">What its elements are.</param>
/// <param name="Extents">Its axes.</param>
/// <param name="Slot">The argument that it is; null for workspace.</param>
/// <param name="IsStored">Whether the kernels take it in the tensor's own dtype.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly record struct CudaBuffer(string Name, ElementKind Kind, Size[] Extents, Slot? Slot = null, bool IsStored = false);

/// <summary>Memory of which each block of a launch has its own piece.</summary>
/// <param name="Launch">The step.</param>
/// <param name="Kind">What its elements are.</param>
/// <param name="Extents">The axes of a piece.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly record struct CudaWorkspace(int Launch, ElementKind Kind, params Size[] Extents);

/// <summary>An index that is out of range.</summary>
/// <param name="Buffer">Whose it is, or into what it points.</param>
/// <param name="Size">What it is not below.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly record struct CudaFault(int Buffer, Size Size);

/// <summary>How a kernel's work is spread over the card.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public enum CudaGrid
{
    /// <summary>A thread an item, by grid stride.</summary>
    Elements,

    /// <summary>A block an item, by grid stride.</summary>
    Rows,

    /// <summary>One block.</summary>
    Block,

    /// <summary>Every thread runs all of it and writes what it owns.</summary>
    Owners,
}

/// <summary>A step of a program.</summary>
/// <param name="gradients">The gradients of which one must be wanted; 0: it always runs.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public abstract class CudaStep(ulong gradients)
{
    internal ulong Gradients => gradients;

    internal bool IsWanted(ulong needs) => gradients == 0 || (gradients & needs) != 0;
}

/// <summary>A launch of a kernel.</summary>
/// <param name="kernel">Its name.</param>
/// <param name="grid">How its work is spread.</param>
/// <param name="items">The axes of its items.</param>
/// <param name="row">The longest of these is what a block's threads share.</param>
/// <param name="arguments">Its parameters, a letter and a number each: b(uffer), w(orkspace), g: the blocks that a workspace is of, n: the size of an axis, s(calar), u(pstream), f(aults), c(ode).</param>
/// <param name="gradients">The gradients of which one must be wanted.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class CudaLaunch(string kernel, CudaGrid grid, Size[] items, Size[] row, string arguments, ulong gradients = 0) : CudaStep(gradients)
{
    internal string Kernel => kernel;

    internal CudaGrid Grid => grid;

    internal Size[] Items => items;

    internal Size[] Row => row;

    internal (char Kind, int Id)[] Arguments => field ??=
        [.. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(a => (a[0], a.Length == 1 ? 0 : int.Parse(a.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture)))];
}

/// <summary>A sum of products by libtorch.</summary>
/// <param name="left">One operand.</param>
/// <param name="right">The other.</param>
/// <param name="result">The result.</param>
/// <param name="equation">What runs with what, as <c>einsum</c> takes it.</param>
/// <param name="gradients">The gradients of which one must be wanted.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class CudaContract(int left, int right, int result, string equation, ulong gradients = 0) : CudaStep(gradients)
{
    internal (int Left, int Right, int Result) Buffers => (left, right, result);

    internal string Equation => equation;
}

/// <summary>A buffer of one axis in order, by libtorch.</summary>
/// <param name="source">What is sorted.</param>
/// <param name="values">Receives its elements in order.</param>
/// <param name="permutation">Receives where they were.</param>
/// <param name="isDescending">Whether the largest comes first.</param>
/// <param name="gradients">The gradients of which one must be wanted.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class CudaSort(int source, int values, int permutation, bool isDescending, ulong gradients = 0) : CudaStep(gradients)
{
    internal (int Source, int Values, int Permutation) Buffers => (source, values, permutation);

    internal bool IsDescending => isDescending;
}
