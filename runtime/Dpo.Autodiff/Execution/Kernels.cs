using System.ComponentModel;
using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Cuda;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>What a kernel's argument is.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public enum SlotRole
{
    /// <summary>A tensor parameter.</summary>
    Parameter,

    /// <summary>The upstream gradient of a result.</summary>
    Upstream,

    /// <summary>A result.</summary>
    Result,

    /// <summary>The gradient of a parameter.</summary>
    Gradient,

    /// <summary>What a forward keeps for its backward.</summary>
    Residual,
}

/// <summary>One argument of a kernel.</summary>
/// <param name="Role">What it is.</param>
/// <param name="Index">The parameter of a parameter or gradient, the result of an upstream gradient or result, the number of a residual.</param>
/// <param name="Kind">What the kernel takes its elements for.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly record struct Slot(SlotRole Role, int Index, ElementKind Kind);

/// <summary>Where a loop kernel finds an argument.</summary>
/// <param name="Buffer">The buffer's id in the loop program.</param>
/// <param name="Slot">The argument.</param>
/// <param name="IsStored">Whether the kernel takes it in the tensor's own dtype.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly record struct KernelArgument(int Buffer, Slot Slot, bool IsStored = false);

/// <summary>Runs a loop kernel on the calling thread and the thread team.</summary>
/// <param name="isDouble">Whether the compute type is double; float otherwise.</param>
/// <param name="buffers">The memory of each buffer.</param>
/// <param name="extents">The size of each named axis.</param>
/// <param name="scalars">The scalars that the host computed.</param>
/// <param name="needs">Bit k is set if gradient k is wanted.</param>
/// <returns>What was wrong with the data.</returns>
[EditorBrowsable(EditorBrowsableState.Never)]
public delegate KernelFault KernelLaunch(bool isDouble, Span<KernelBuffer> buffers, ReadOnlySpan<long> extents, ReadOnlySpan<double> scalars, ulong needs);

/// <summary>A kernel of vector loops, for tensors in the machine's own memory.</summary>
/// <param name="launch">Runs it.</param>
/// <param name="buffers">The length of its table of buffers.</param>
/// <param name="arguments">Which of them are arguments.</param>
/// <param name="donations">Bit k is set if gradient k may be written over its parameter: the user allows it, nothing of that is read afterwards, and the kernel cannot fail.</param>
/// <param name="cuda">Makes the same for a card; null where there is none.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class LoopKernel(KernelLaunch launch, int buffers, KernelArgument[] arguments, ulong donations = 0, Func<CudaProgram>? cuda = null)
{
    internal bool HasCuda => cuda is not null;

    internal CudaProgram Cuda => field ??= cuda!();

    internal ulong Donations => donations;

    internal KernelLaunch Launch => launch;

    internal int Buffers => buffers;

    internal KernelArgument[] Arguments => arguments;
}

/// <summary>Runs a program as TorchSharp calls, on any device.</summary>
/// <param name="inputs">Its inputs, in the compute type, as 64-bit integers or as Booleans.</param>
/// <param name="extents">The size of each named axis.</param>
/// <param name="scalars">The scalars that the host computed.</param>
/// <param name="needs">Bit k is set if gradient k is wanted; one that is not may be null.</param>
/// <returns>Its outputs, in order.</returns>
[EditorBrowsable(EditorBrowsableState.Never)]
public delegate Tensor[] TorchProgram(ReadOnlySpan<Tensor> inputs, ReadOnlySpan<long> extents, ReadOnlySpan<double> scalars, ulong needs);

/// <summary>A program as TorchSharp calls.</summary>
/// <param name="run">Runs it.</param>
/// <param name="inputs">What each input is.</param>
/// <param name="outputs">What each output is.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class TorchKernel(TorchProgram run, Slot[] inputs, Slot[] outputs)
{
    internal TorchProgram Run => run;

    internal Slot[] Inputs => inputs;

    internal Slot[] Outputs => outputs;
}
