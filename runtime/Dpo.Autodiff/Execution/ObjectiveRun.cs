using System.ComponentModel;
using System.Numerics;
using Dpo.Autodiff.Native;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>Runs objectives: what generated members call, after <see cref="ObjectiveSpec.Bind"/> has checked the tensors.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class ObjectiveRun
{
    /// <summary>Gradients of so many elements stay in the cache until the backward asks for them. Tests set it.</summary>
    internal static long MostPrecomputed { get; set; } = 1 << 17;

    /// <summary>The results, as part of the autograd graph where gradients are recorded and some differentiable parameter requires them.</summary>
    /// <param name="spec">The objective.</param>
    /// <param name="variant">The kernels for this call's branches.</param>
    /// <param name="tensors">The checked tensors.</param>
    /// <param name="extents">The sizes that the check found.</param>
    /// <param name="scalars">The scalars that the host computed.</param>
    /// <exception cref="ObjectiveArgumentException">An index is out of range.</exception>
    public static Tensor[] Fused(
        ObjectiveSpec spec,
        ObjectiveVariant variant,
        ReadOnlySpan<Tensor?> tensors,
        ReadOnlySpan<long> extents,
        ReadOnlySpan<double> scalars)
    {
        var fewHandles = default(FewHandles);
        var fewDTypes = default(FewDTypes);
        var isFew = tensors.Length <= FewHandles.Length;
        var handles = isFew ? fewHandles[..tensors.Length] : new nint[tensors.Length];
        var dtypes = isFew ? fewDTypes[..tensors.Length] : new sbyte[tensors.Length];
        var isDouble = Read(spec, tensors, handles, dtypes);
        var needs = Required(variant, handles);
        var differentiable = needs == 0 ? [] : variant.ResultsOf(needs);

        // Where one scalar is all that a backward can start from, the gradients are known but for a factor: the forward computes them in
        // the same loops as the value, which the backward would have to run again. Not where it need not, because what costs most is kept
        // and small, while the gradients are large and would wait in memory; but in tiles always, since every product would be computed again.
        var usesTorch = needs != 0 && KernelCall.UsesTorch(variant, handles);
        var donated = Donation.Of(spec, variant, handles, needs, isDouble, allowsLeaves: false);
        var keepsResiduals = variant.ValueAndResiduals is not null && !usesTorch;
        var isPrecomputed = differentiable is [0] && variant.Results[0].IsScalar && donated == 0 && (variant.Tiled(KernelRole.ValueAndGradient, extents) is not null || !(keepsResiduals && IsLarge(variant, handles, needs)));
        var call = new KernelCall
        {
            Spec = spec,
            Variant = variant,
            Role = isPrecomputed ? KernelRole.ValueAndGradient : keepsResiduals && differentiable.Length > 0 ? KernelRole.ValueAndResiduals : KernelRole.Value,
            Parameters = handles,
            DTypes = dtypes,
            AbsentUpstream = 1,
            Extents = extents,
            Scalars = scalars,
            Needs = isPrecomputed ? needs : 0,
            IsDouble = isDouble,
        };
        var count = call.Outputs;
        var fewOutputs = default(FewHandles);
        var outputs = count <= FewHandles.Length ? fewOutputs[..count] : new nint[count];
        call.Run(isRecorded: false, outputs);
        Cast(call, outputs, variant.Results.Length);
        if (differentiable.Length > 0)
            Record(new RecordedCall(call, needs, differentiable, donated), tensors, handles, outputs);
        var results = new Tensor[variant.Results.Length];
        for (var i = 0; i < results.Length; i++)
            results[i] = Tensor.UnsafeCreateTensor(outputs[i]);
        KeepAlive(tensors);
        return results;
    }

    /// <summary>The results, then the gradient of the first for each parameter of <see cref="ObjectiveVariant.Gradients"/>: null for an absent one, or for a tensor that is no floating-point number.</summary>
    /// <param name="spec">The objective.</param>
    /// <param name="variant">The kernels for this call's branches.</param>
    /// <param name="tensors">The checked tensors.</param>
    /// <param name="extents">The sizes that the check found.</param>
    /// <param name="scalars">The scalars that the host computed.</param>
    /// <param name="upstream">The upstream gradient of the first result, which only a scalar can do without.</param>
    /// <exception cref="ObjectiveArgumentException">The upstream gradient is missing or does not fit, or an index is out of range.</exception>
    public static Tensor?[] WithGrad(
        ObjectiveSpec spec,
        ObjectiveVariant variant,
        ReadOnlySpan<Tensor?> tensors,
        ReadOnlySpan<long> extents,
        ReadOnlySpan<double> scalars,
        Tensor? upstream)
    {
        var fewHandles = default(FewHandles);
        var fewDTypes = default(FewDTypes);
        var isFew = tensors.Length <= FewHandles.Length;
        var handles = isFew ? fewHandles[..tensors.Length] : new nint[tensors.Length];
        var dtypes = isFew ? fewDTypes[..tensors.Length] : new sbyte[tensors.Length];
        var isDouble = Read(spec, tensors, handles, dtypes);
        var results = variant.Results.Length;
        var fewUpstreams = default(FewHandles);
        var upstreams = results <= FewHandles.Length ? fewUpstreams[..results] : new nint[results];
        var call = new KernelCall
        {
            Spec = spec,
            Variant = variant,
            Role = KernelRole.ValueAndGradient,
            Parameters = handles,
            DTypes = dtypes,
            HasFinalGradients = true,
            Upstreams = upstreams,
            AbsentUpstream = 1,
            Extents = extents,
            Scalars = scalars,
            Needs = Differentiable(variant, dtypes),
            IsDouble = isDouble,
        };
        upstreams[0] = Upstream(call, upstream, handles);
        var count = results + variant.Gradients.Length;
        var fewOutputs = default(FewHandles);
        var outputs = count <= FewHandles.Length ? fewOutputs[..count] : new nint[count];
        if (Donation.Of(spec, variant, handles, call.Needs, isDouble, allowsLeaves: true) is > 0 and var donated && variant.DifferentiableResults.Contains(0))
            RunInTurn(call, donated, upstream, outputs);
        else
            call.Run(isRecorded: false, outputs);
        Cast(call, outputs, count);
        var made = new Tensor?[count];
        for (var i = 0; i < count; i++)
            made[i] = outputs[i] == 0 ? null : Tensor.UnsafeCreateTensor(outputs[i]);
        KeepAlive(tensors);
        GC.KeepAlive(upstream);
        return made;
    }

    // First the results, then the gradients over what was donated: by then nothing can fail.
    private static void RunInTurn(in KernelCall joint, ulong donated, Tensor? upstream, Span<nint> outputs)
    {
        var variant = joint.Variant;
        var results = variant.Results.Length;
        var call = new KernelCall
        {
            Spec = joint.Spec,
            Variant = variant,
            Role = variant.ValueAndResiduals is null ? KernelRole.Value : KernelRole.ValueAndResiduals,
            Parameters = joint.Parameters,
            DTypes = joint.DTypes,
            Extents = joint.Extents,
            Scalars = joint.Scalars,
            IsDouble = joint.IsDouble,
        };
        var made = new nint[call.Outputs];
        call.Run(isRecorded: false, made);
        var recorded = new RecordedCall(call, joint.Needs, variant.DifferentiableResults, donated);
        try
        {
            recorded.Keep(made.AsSpan(results));
            made.AsSpan(0, results).CopyTo(outputs);
            using var one = upstream is null ? One(joint.Parameters[variant.Gradients[BitOperations.TrailingZeroCount(donated)]], call.ComputeType) : null;
            var upstreams = new nint[variant.DifferentiableResults.Length];
            upstreams[Array.IndexOf(variant.DifferentiableResults, 0)] = (upstream ?? one!).Handle;
            recorded.Compute(upstreams, joint.Needs, isRecorded: false, new GivenInputs(joint.Parameters), outputs[results..]);
        }
        catch
        {
            TensorHandle.DisposeAll(outputs);
            throw;
        }
        finally
        {
            recorded.Dispose();
        }
    }

    // Where another tensor is.
    private static Tensor One(nint like, ScalarType dtype)
    {
        var device = TensorHandle.Borrow(like, static tensor => tensor.device);
        return ones([], dtype, device);
    }

    // The handle and dtype of each tensor. Returns whether the compute type is double: as in torch, numbers without dimensions count only
    // where none has any.
    private static bool Read(ObjectiveSpec spec, ReadOnlySpan<Tensor?> tensors, Span<nint> handles, Span<sbyte> dtypes)
    {
        var isDouble = false;
        var isSingle = false;
        var isDoubleNumber = false;
        for (var i = 0; i < tensors.Length; i++)
        {
            dtypes[i] = -1;
            if (tensors[i] is not { } tensor)
                continue;
            var dtype = TensorHandle.DType(handles[i] = tensor.Handle);
            dtypes[i] = (sbyte)dtype;
            var parameter = spec.Parameters[i];
            if ((parameter.Uses & ParameterUses.Value) == 0)
                continue;
            if (parameter.Axes.Length == 0)
                isDoubleNumber |= dtype == ScalarType.Float64;
            else if (dtype == ScalarType.Float64)
                isDouble = true;
            else
                isSingle |= DTypePromotion.IsFloating(dtype);
        }

        return isDouble || (isDoubleNumber && !isSingle);
    }

    // Whether gradients are worth a pass of their own, to be made only when they are asked for.
    private static bool IsLarge(ObjectiveVariant variant, ReadOnlySpan<nint> handles, ulong needs)
    {
        var elements = 0L;
        for (var k = 0; k < variant.Gradients.Length; k++)
        {
            if ((needs & (1UL << k)) != 0)
                elements += GradientScale.Elements(handles[variant.Gradients[k]]);
        }

        return elements > MostPrecomputed;
    }

    // The gradients that a backward through the call has to give.
    private static ulong Required(ObjectiveVariant variant, ReadOnlySpan<nint> handles)
    {
        var needs = 0UL;
        if (!TensorHandle.IsRecording)
            return needs;
        for (var k = 0; k < variant.Gradients.Length; k++)
        {
            var handle = handles[variant.Gradients[k]];
            if (handle != 0 && TensorHandle.RequiresGrad(handle))
                needs |= 1UL << k;
        }

        return needs;
    }

    private static void Record(RecordedCall recorded, ReadOnlySpan<Tensor?> tensors, ReadOnlySpan<nint> handles, Span<nint> outputs)
    {
        var results = recorded.Results;
        recorded.Keep(outputs[recorded.Variant.Results.Length..]);
        outputs[recorded.Variant.Results.Length..].Clear();
        var few = default(FewHandles);
        var connected = results.Length <= FewHandles.Length ? few[..results.Length] : new nint[results.Length];
        for (var i = 0; i < results.Length; i++)
            connected[i] = outputs[results[i]];
        try
        {
            if (TensorHandle.UsesExports)
                AutogradNode.Record(recorded, handles, connected, recorded.Variant.GradientInputs);
            else
                FunctionNode.Record(recorded, tensors, connected, recorded.Variant.GradientInputs);
        }
        catch
        {
            PutBack(results, connected, outputs);
            TensorHandle.DisposeAll(outputs);
            throw;
        }

        PutBack(results, connected, outputs);
    }

    private static void PutBack(int[] results, ReadOnlySpan<nint> connected, Span<nint> outputs)
    {
        for (var i = 0; i < results.Length; i++)
            outputs[results[i]] = connected[i];
    }

    // The first outputs in the dtype that they have for the caller.
    private static void Cast(in KernelCall call, Span<nint> outputs, int count)
    {
        try
        {
            var results = call.Variant.Results.Length;
            for (var i = 0; i < count; i++)
            {
                if (outputs[i] != 0)
                    outputs[i] = TensorHandle.Cast(outputs[i], i < results ? call.ResultType(i) : (ScalarType)call.DTypes[call.Variant.Gradients[i - results]]);
            }
        }
        catch
        {
            TensorHandle.DisposeAll(outputs);
            throw;
        }
    }

    private static ulong Differentiable(ObjectiveVariant variant, ReadOnlySpan<sbyte> dtypes)
    {
        var needs = 0UL;
        for (var k = 0; k < variant.Gradients.Length; k++)
        {
            if (DTypePromotion.IsFloating((ScalarType)dtypes[variant.Gradients[k]]))
                needs |= 1UL << k;
        }

        return needs;
    }

    private static nint Upstream(in KernelCall call, Tensor? upstream, ReadOnlySpan<nint> handles)
    {
        var result = call.Variant.Results[0];
        if (upstream is null)
        {
            return result.IsScalar ? 0 : throw new ObjectiveArgumentException(call.Spec.Name, "upstream", $"{result.Name} is not a scalar: its gradient needs an upstream gradient.");
        }

        if (upstream.IsInvalid)
            throw new ObjectiveArgumentException(call.Spec.Name, "upstream", "upstream has been disposed.");
        var expected = new long[result.Extents.Length];
        call.Sizes(result.Extents, expected);
        if (!upstream.shape.SequenceEqual(expected))
            throw new ObjectiveArgumentException(call.Spec.Name, "upstream", $"upstream has shape [{string.Join(", ", upstream.shape)}], but {result.Name} has [{string.Join(", ", expected)}].");
        if (!DTypePromotion.IsFloating(upstream.dtype))
            throw new ObjectiveArgumentException(call.Spec.Name, "upstream", $"upstream is {upstream.dtype}, but must be a floating-point number.");
        foreach (var handle in handles)
        {
            if (handle != 0 && TensorHandle.Device(handle) != TensorHandle.Device(upstream.Handle))
                throw new ObjectiveArgumentException(call.Spec.Name, "upstream", $"upstream is on {upstream.device}, but the tensors are not.");
        }

        return upstream.Handle;
    }

    private static void KeepAlive(ReadOnlySpan<Tensor?> tensors)
    {
        foreach (var tensor in tensors)
            GC.KeepAlive(tensor);
    }

    /// <summary>What <see cref="WithGrad"/> gives, by the eager method and autograd.</summary>
    /// <param name="spec">The objective.</param>
    /// <param name="gradients">The parameter that gradient k is of.</param>
    /// <param name="tensors">The checked tensors.</param>
    /// <param name="eager">The eager method: its tensors are the parameters, in order.</param>
    /// <param name="upstream">The upstream gradient of the first result, which only a scalar can do without.</param>
    public static Tensor?[] EagerWithGrad(ObjectiveSpec spec, int[] gradients, ReadOnlySpan<Tensor?> tensors, Func<Tensor?[], Tensor[]> eager, Tensor? upstream) =>
        EagerRun.WithGrad(spec, gradients, tensors, eager, upstream);

    /// <summary>Compares the results of both.</summary>
    /// <param name="spec">The objective.</param>
    /// <param name="fused">The fused results.</param>
    /// <param name="eager">The eager results.</param>
    /// <exception cref="InvalidOperationException">They differ.</exception>
    public static void Check(ObjectiveSpec spec, Tensor[] fused, Tensor[] eager) => EagerRun.Check(spec, fused, eager);
}
