using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>A loop program as CUDA kernels: their text, and the steps that run them in order.</summary>
/// <param name="Source">The kernels' text, without the prelude.</param>
/// <param name="Program">The loop program that it was made from, with the memory that the kernels share.</param>
/// <param name="Stored">The buffers, by id, that are taken in their tensors' own dtype.</param>
/// <param name="Names">What each buffer is called in the text, by id: its storage type is <c>STORE_</c> and the name.</param>
/// <param name="Workspaces">Memory that belongs to the blocks of one launch.</param>
/// <param name="Faults">What may be wrong with the data, by number.</param>
/// <param name="Steps">What is launched, and called, in order.</param>
public sealed record CudaPlan(
    string Source,
    LoopProgram Program,
    EquatableArray<bool> Stored,
    EquatableArray<string> Names,
    EquatableArray<CudaWorkspace> Workspaces,
    EquatableArray<CudaFault> Faults,
    EquatableArray<CudaStep> Steps);

/// <summary>An index that is out of range.</summary>
/// <param name="Buffer">Whose it is.</param>
/// <param name="Axis">The extent that it is not below.</param>
public sealed record CudaFault(int Buffer, Extent Axis);

/// <summary>Memory of which each block of a launch has its own piece: partial results, rows.</summary>
/// <param name="Name">What it is called in the text.</param>
/// <param name="Kind">What its elements are.</param>
/// <param name="Extents">The axes of a block's piece.</param>
/// <param name="Launch">The step whose blocks they are.</param>
public sealed record CudaWorkspace(string Name, ElementKind Kind, EquatableArray<Extent> Extents, int Launch);

/// <summary>How a kernel's work is spread over the card.</summary>
public enum CudaGrid
{
    /// <summary>A thread an item, by grid stride.</summary>
    Elements,

    /// <summary>A block an item, by grid stride: its threads share the item's inner loops.</summary>
    Rows,

    /// <summary>One block.</summary>
    Block,

    /// <summary>Every thread runs all of it and writes what it owns.</summary>
    Owners,
}

/// <summary>One step of a plan.</summary>
/// <param name="Gradients">The gradients of which one must be wanted; 0: it always runs.</param>
public abstract record CudaStep(ulong Gradients)
{
    /// <summary>A kernel.</summary>
    /// <param name="Kernel">Its name.</param>
    /// <param name="Grid">How its work is spread.</param>
    /// <param name="Items">The axes of its items.</param>
    /// <param name="Row">The longest of these is what a block's threads share.</param>
    /// <param name="Arguments">Its parameters, in order.</param>
    public sealed record Launch(string Kernel, CudaGrid Grid, EquatableArray<Extent> Items, EquatableArray<Extent> Row, EquatableArray<CudaArgument> Arguments, ulong Gradients)
        : CudaStep(Gradients);

    /// <summary>A sum of products, by the library for matrices.</summary>
    public sealed record Contract(LoopNode.Contract Node, ulong Gradients) : CudaStep(Gradients);

    /// <summary>Whole buffers of one axis in order, by the library.</summary>
    public sealed record Sort(int Source, int Values, int Permutation, bool Descending, ulong Gradients) : CudaStep(Gradients);
}

/// <summary>What a parameter of a kernel is.</summary>
public enum CudaArgumentKind
{
    /// <summary>A buffer's address; 0 where it is absent or not wanted.</summary>
    Buffer,

    /// <summary>A workspace's address.</summary>
    Workspace,

    /// <summary>The number of blocks of the launch that a workspace belongs to.</summary>
    Blocks,

    /// <summary>The size of a named axis.</summary>
    Axis,

    /// <summary>A scalar of the host.</summary>
    Scalar,

    /// <summary>The upstream gradient of scalars that have none.</summary>
    AbsentUpstream,

    /// <summary>Where faults are written.</summary>
    Faults,

    /// <summary>The first of the program's fault codes.</summary>
    FaultCode,
}

/// <summary>A parameter of a kernel.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Id">Which of them.</param>
public readonly record struct CudaArgument(CudaArgumentKind Kind, int Id = 0) : IComparable<CudaArgument>
{
    public int CompareTo(CudaArgument other) => Kind != other.Kind ? Kind.CompareTo(other.Kind) : Id.CompareTo(other.Id);
}
