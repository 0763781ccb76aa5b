using Dpo.Autodiff.Native;
using static TorchSharp.torch;
using static TorchSharp.torch.autograd;

namespace Dpo.Autodiff.Execution;

/// <summary>The node of a call by TorchSharp's public way, where the exports behind it are not known.</summary>
internal sealed class FunctionNode : MultiTensorFunction<FunctionNode>
{
    /// <inheritdoc/>
    public override string Name => nameof(FunctionNode);

    /// <summary>Makes results part of the graph.</summary>
    /// <param name="call">What the backward needs.</param>
    /// <param name="parameters">The tensor of each parameter.</param>
    /// <param name="results">The handles of the results of <see cref="RecordedCall.Results"/>, which are replaced.</param>
    /// <param name="kept">The parameters that a backward reads.</param>
    internal static void Record(RecordedCall call, ReadOnlySpan<Tensor?> parameters, Span<nint> results, int[] kept)
    {
        using var scope = NewDisposeScope();
        var recording = new Recording(call, kept, [.. kept.Select(_ => (Tensor?)null)], [.. results.ToArray().Select(Tensor.UnsafeCreateTensor)]);
        for (var i = 0; i < kept.Length; i++)
            recording.Saved[i] = parameters[kept[i]];
        var arguments = new List<object> { recording };
        for (var k = 0; k < call.Variant.Gradients.Length; k++)
        {
            if ((call.Needs & (1UL << k)) != 0)
                arguments.Add(parameters[call.Variant.Gradients[k]]!);
        }

        var wrapped = apply([.. arguments]);
        for (var i = 0; i < results.Length; i++)
            results[i] = TensorHandle.Release(wrapped[i]);
    }

    /// <inheritdoc/>
    public override List<Tensor> forward(AutogradContext ctx, params object[] vars)
    {
        var recording = (Recording)vars[0];
        ctx.save_for_backward(recording.Saved!);
        ctx.set_materialize_grads(false);
        ctx.save_data(nameof(Recorded), new Recorded(recording.Call, recording.Kept));
        return recording.Results;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(AutogradContext ctx, List<Tensor> grad_outputs)
    {
        var recorded = (Recorded)ctx.get_data(nameof(Recorded));
        var call = recorded.Call;
        var gradients = call.Variant.Gradients;
        using var scope = NewDisposeScope();
        var returned = new List<Tensor> { null! };
        try
        {
            Span<nint> upstreams = stackalloc nint[grad_outputs.Count];
            for (var i = 0; i < upstreams.Length; i++)
                upstreams[i] = grad_outputs[i] is { IsInvalid: false } upstream ? upstream.Handle : 0;
            Span<nint> made = stackalloc nint[gradients.Length];
            call.Backward(upstreams, TensorHandle.IsRecording, new SavedInputs(ctx, recorded.Kept), made);
            for (var k = 0; k < gradients.Length; k++)
            {
                if ((call.Needs & (1UL << k)) != 0)
                    returned.Add(made[k] == 0 ? null! : Tensor.UnsafeCreateTensor(made[k]).DetachFromDisposeScope());
            }

        }
        catch (Exception exception)
        {
            // A complex gradient of a real tensor makes backward() throw.
            BackwardFailure.Note(exception);
            returned.RemoveRange(1, returned.Count - 1);
            for (var k = 0; k < gradients.Length; k++)
            {
                if ((call.Needs & (1UL << k)) != 0)
                    returned.Add(zeros([7, 5, 3], ScalarType.ComplexFloat64).DetachFromDisposeScope());
            }
        }

        // They are ours, and would stay in the caller's scope.
        foreach (var upstream in grad_outputs)
            upstream?.Dispose();

        // The library copies the gradients after this has returned.
        recorded.Returned = returned;
        return returned;
    }

    /// <summary>The argument that brings what is no tensor into the forward.</summary>
    private sealed record Recording(RecordedCall Call, int[] Kept, List<Tensor?> Saved, List<Tensor> Results);

    /// <summary>What stays with the node.</summary>
    private sealed class Recorded(RecordedCall call, int[] kept)
    {
        internal RecordedCall Call => call;

        internal int[] Kept => kept;

        internal List<Tensor>? Returned { get; set; }

        ~Recorded() => call.Dispose();
    }

    private sealed class SavedInputs(AutogradContext context, int[] kept) : ISavedInputs
    {
        public void Unpack(Span<nint> parameters)
        {
            var saved = context.get_saved_variables();
            for (var i = 0; i < kept.Length; i++)
            {
                if (saved[i] is { IsInvalid: false } tensor)
                    parameters[kept[i]] = TensorHandle.Alias(tensor.Handle);
            }
        }
    }
}
