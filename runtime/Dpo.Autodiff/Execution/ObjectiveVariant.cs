using System.ComponentModel;

namespace Dpo.Autodiff.Execution;

/// <summary>A result of an objective.</summary>
/// <param name="name">Its name: of the tuple's element, or <c>Value</c>.</param>
/// <param name="kind">What its elements are.</param>
/// <param name="extents">Its sizes, outermost first.</param>
/// <param name="gradients">Bit k is set if gradient k is of it: its parameter reaches it.</param>
/// <param name="dtype">What its dtype is promoted from.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class ResultSpec(string name, ElementKind kind, Size[] extents, ulong gradients, DTypeTerm[] dtype)
{
    internal string Name => name;

    internal ElementKind Kind => kind;

    internal Size[] Extents => extents;

    internal ulong Gradients => gradients;

    internal DTypeTerm[] DType => dtype;

    internal bool IsScalar => extents.Length == 0;
}

/// <summary>A scalar that tells a backward whether some of several results have an upstream gradient.</summary>
/// <param name="scalar">The scalar: 1 where one has, 0 where none has.</param>
/// <param name="results">The results.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class UpstreamScalar(int scalar, int[] results)
{
    internal int Scalar => scalar;

    /// <summary>What the scalar is, given the upstream gradient of each result, or 0.</summary>
    internal double Of(nint[] upstreams) => Array.Exists(results, i => upstreams[i] != 0) ? 1 : 0;
}

/// <summary>What a forward keeps for its backward: a tensor of the compute type, of Int64 or Bool.</summary>
/// <param name="kind">What its elements are.</param>
/// <param name="extents">Its sizes, outermost first.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class ResidualSpec(ElementKind kind, Size[] extents)
{
    internal ElementKind Kind => kind;

    internal Size[] Extents => extents;
}

/// <summary>The kernels of an objective for one choice of its branches.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class ObjectiveVariant
{
    /// <summary>The results, in order.</summary>
    public required ResultSpec[] Results { get; init; }

    /// <summary>The parameter that gradient k is of.</summary>
    public required int[] Gradients { get; init; }

    /// <summary>What <see cref="ValueAndResiduals"/> keeps, in order.</summary>
    public ResidualSpec[] Residuals { get; init; } = [];

    /// <summary>The scalars that depend on which results have an upstream gradient.</summary>
    public UpstreamScalar[] Upstreams { get; init; } = [];

    /// <summary>Results.</summary>
    public required LoopKernel Value { get; init; }

    /// <summary>Results, and the gradients of the first.</summary>
    public required LoopKernel ValueAndGradient { get; init; }

    /// <summary>Results and residuals; null where there is nothing that a backward had better not compute again.</summary>
    public LoopKernel? ValueAndResiduals { get; init; }

    /// <summary>Gradients, given the residuals and an upstream gradient for each differentiable result.</summary>
    public required LoopKernel Gradient { get; init; }

    /// <summary>As <see cref="Value"/>, in tiles; null where no product of matrices is wide.</summary>
    public TiledKernel? TiledValue { get; init; }

    /// <summary>As <see cref="ValueAndGradient"/>, in tiles; null where no product of matrices is wide, or gradients need all of it.</summary>
    public TiledKernel? TiledValueAndGradient { get; init; }

    /// <summary>Results, as TorchSharp calls.</summary>
    public required TorchKernel TorchValue { get; init; }

    /// <summary>Results and the gradients of the first, as TorchSharp calls.</summary>
    public required TorchKernel TorchValueAndGradient { get; init; }

    /// <summary>Gradients given upstream gradients, as TorchSharp calls.</summary>
    public required TorchKernel TorchGradient { get; init; }

    /// <summary>A kernel in tiles; null where there are not several.</summary>
    internal TiledKernel? Tiled(KernelRole role, ReadOnlySpan<long> extents)
    {
        var tiled = role switch
        {
            KernelRole.Value => TiledValue,
            KernelRole.ValueAndGradient => TiledValueAndGradient,
            _ => null,
        };
        return tiled is not null && tiled.Fits(extents) ? tiled : null;
    }

    /// <summary>The results that may be part of the autograd graph, in order.</summary>
    internal int[] DifferentiableResults => field ??= [.. Enumerable.Range(0, Results.Length).Where(i => Results[i].Gradients != 0)];

    /// <summary>The results that are part of the autograd graph where some gradients are wanted, in order.</summary>
    internal int[] ResultsOf(ulong needs)
    {
        foreach (var result in DifferentiableResults)
        {
            if ((Results[result].Gradients & needs) == 0)
                return Some(needs);
        }

        return DifferentiableResults;

        // Apart, since a call of which all results are differentiated makes no delegate.
        int[] Some(ulong wanted) => Array.FindAll(DifferentiableResults, i => (Results[i].Gradients & wanted) != 0);
    }

    /// <summary>The parameters that a gradient reads, or is written over.</summary>
    internal int[] GradientInputs => field ??= [.. Gradient.Arguments.Select(argument => argument.Slot).Concat(TorchGradient.Inputs)
        .Where(slot => slot.Role == SlotRole.Parameter).Select(slot => slot.Index)
        .Concat(Gradients.Where((_, k) => (Gradient.Donations & (1UL << k)) != 0)).Distinct().Order()];
}
