using Dpo.Autodiff.Native;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>
/// What a call leaves for its backward: sizes, scalars, which gradients are wanted, and those that the forward computed already. The
/// inputs are saved by the autograd node, which checks that nothing has changed them since.
/// </summary>
/// <remarks>It never reaches a result of the call: native and managed references would keep each other alive.</remarks>
internal sealed class RecordedCall
{
    private readonly long[] extents;
    private readonly double[] scalars;
    private readonly bool isDouble;
    private readonly sbyte[] dtypes;
    private readonly nint[] precomputed;
    private readonly ulong donated;
    private nint[] residuals = [];
    private bool isPrecomputed;
    private bool isDisposed;

    internal RecordedCall(in KernelCall call, ulong needs, int[] results, ulong donated = 0)
    {
        this.donated = donated;
        Spec = call.Spec;
        Variant = call.Variant;
        Needs = needs;
        Results = results;
        extents = call.Extents.ToArray();
        scalars = call.Scalars.ToArray();
        isDouble = call.IsDouble;
        precomputed = new nint[Variant.Gradients.Length];
        dtypes = call.DTypes.ToArray();
    }

    internal ObjectiveSpec Spec { get; }

    internal ObjectiveVariant Variant { get; }

    /// <summary>Bit k is set if gradient k is wanted.</summary>
    internal ulong Needs { get; }

    /// <summary>The results that are part of the graph, in order: each has an upstream gradient.</summary>
    internal int[] Results { get; }

    /// <summary>Takes what the forward computed besides results: gradients, in the compute type, for an upstream gradient of 1; and residuals.</summary>
    internal void Keep(ReadOnlySpan<nint> outputs)
    {
        outputs[..precomputed.Length].CopyTo(precomputed);
        isPrecomputed = precomputed.AsSpan().IndexOfAnyExcept(0) >= 0;
        var kept = outputs[precomputed.Length..];
        if (kept.IndexOfAnyExcept(0) >= 0)
            residuals = kept.ToArray();
    }

    /// <summary>The gradients.</summary>
    /// <param name="upstreams">The upstream gradient of each of <see cref="Results"/>, 0 where there is none.</param>
    /// <param name="isRecorded">Whether autograd records the backward (<c>create_graph</c>).</param>
    /// <param name="saved">The inputs that the node saved.</param>
    /// <param name="gradients">Receives handles of new tensors, 0 where none is wanted.</param>
    internal void Backward(ReadOnlySpan<nint> upstreams, bool isRecorded, ISavedInputs saved, Span<nint> gradients)
    {
        var reached = 0UL;
        for (var i = 0; i < Results.Length; i++)
        {
            if (upstreams[i] != 0)
                reached |= Variant.Results[Results[i]].Gradients;
        }

        if ((Needs & reached) == 0)
            return;
        lock (precomputed)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (isPrecomputed && !isRecorded)
                HandOver(upstreams[0], gradients);
            else
                Compute(upstreams, Needs & reached, isRecorded, saved, gradients);
        }
    }

    internal void Dispose()
    {
        lock (precomputed)
        {
            isDisposed = true;
            TensorHandle.DisposeAll(precomputed);
            TensorHandle.DisposeAll(residuals);
        }
    }

    // The gradients of the forward, once: what becomes of them afterwards is not ours to know, so another backward computes them again.
    private void HandOver(nint upstream, Span<nint> gradients)
    {
        isPrecomputed = false;
        for (var k = 0; k < gradients.Length; k++)
        {
            if (precomputed[k] == 0)
                continue;
            GradientScale.Apply(precomputed[k], upstream);
            gradients[k] = TensorHandle.Cast(precomputed[k], DType(k));
            precomputed[k] = 0;
        }
    }

    /// <summary>As <see cref="Backward"/>, for the backward of a call that nobody else has: those of the gradients that are needed, 0 where no result with an upstream gradient reaches them.</summary>
    internal void Compute(ReadOnlySpan<nint> upstreams, ulong needs, bool isRecorded, ISavedInputs saved, Span<nint> gradients)
    {
        var count = Variant.Results.Length;
        var inputs = new nint[dtypes.Length];
        var given = new nint[count];
        var zeros = new nint[count];
        var outputs = new nint[count + Variant.Gradients.Length];
        if (isRecorded && donated != 0)
            throw new InvalidOperationException($"{Spec.Name}: a backward that is differentiated again (create_graph) needs the values of its inputs; it cannot go through a donated one.");
        try
        {
            saved.Unpack(inputs);
            var call = new KernelCall
            {
                Spec = Spec,
                Variant = Variant,
                Role = KernelRole.Gradient,
                Parameters = inputs,
                DTypes = dtypes,
                HasFinalGradients = true,
                Upstreams = given,
                Residuals = residuals,
                Donated = donated & needs,
                AbsentUpstream = 0,
                Extents = extents,
                Scalars = scalars,
                Needs = needs,
                IsDouble = isDouble,
            };
            for (var i = 0; i < Results.Length; i++)
                given[Results[i]] = upstreams[i];
            foreach (var upstream in Variant.Upstreams)
                scalars[upstream.Scalar] = upstream.Of(given);
            foreach (var result in Variant.DifferentiableResults)
            {
                if (given[result] == 0 && !Variant.Results[result].IsScalar)
                    given[result] = zeros[result] = Zeros(call, result);
            }

            call.Run(isRecorded, outputs);
            for (var k = 0; k < gradients.Length; k++)
            {
                if (outputs[count + k] == 0)
                    continue;
                gradients[k] = outputs[count + k];
                outputs[count + k] = 0;
                gradients[k] = isRecorded ? TensorHandle.CastRecorded(gradients[k], DType(k)) : TensorHandle.Cast(gradients[k], DType(k));
            }
        }
        finally
        {
            TensorHandle.DisposeAll(inputs);
            TensorHandle.DisposeAll(zeros);
            TensorHandle.DisposeAll(outputs);
        }
    }

    // A gradient's dtype is its parameter's.
    private ScalarType DType(int gradient) => (ScalarType)dtypes[Variant.Gradients[gradient]];

    private static nint Zeros(in KernelCall call, int result)
    {
        using var scope = NewDisposeScope();
        var sizes = new long[call.Variant.Results[result].Extents.Length];
        call.Sizes(call.Variant.Results[result].Extents, sizes);
        var like = 0;
        while (call.Parameters[like] == 0)
            like++;
        var device = TensorHandle.Borrow(call.Parameters[like], static tensor => tensor.device);
        return TensorHandle.Release(zeros(sizes, call.ComputeType, device));
    }
}

/// <summary>The inputs of a call as its autograd node saved them.</summary>
internal interface ISavedInputs
{
    /// <summary>Fills in a new handle for each parameter that was saved, checked to be unchanged.</summary>
    void Unpack(Span<nint> parameters);
}

/// <summary>The inputs of a call that is still going on.</summary>
internal sealed class GivenInputs(ReadOnlySpan<nint> given) : ISavedInputs
{
    private readonly nint[] handles = given.ToArray();

    /// <inheritdoc/>
    public void Unpack(Span<nint> parameters)
    {
        for (var i = 0; i < handles.Length; i++)
        {
            if (handles[i] != 0)
                parameters[i] = TensorHandle.Alias(handles[i]);
        }
    }
}
