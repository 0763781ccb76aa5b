using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Execution;

/// <summary>The node of a call: its results depend on its parameters through it.</summary>
internal sealed unsafe class AutogradNode : NativeNode, ISavedInputs
{
    // From this size on it pays to keep the engine from copying a gradient that lands in a leaf.
    private const long LargeElements = 1 << 18;

    private RecordedCall? call;
    private nint[] saved = [];
    private int[] edges = [];

    /// <summary>Makes results part of the graph: their handles are those of the same tensors, now with a history.</summary>
    /// <param name="call">What the backward needs.</param>
    /// <param name="parameters">The handle of each parameter's tensor.</param>
    /// <param name="results">The handles of the results of <see cref="RecordedCall.Results"/>, which are replaced.</param>
    /// <param name="kept">The parameters that a backward reads.</param>
    internal static void Record(RecordedCall call, ReadOnlySpan<nint> parameters, Span<nint> results, int[] kept)
    {
        var node = NodePool<AutogradNode>.Rent();
        node.call = call;
        node.Create();
        try
        {
            node.ConnectParameters(parameters, results);
            node.Save(parameters, kept);
        }
        finally
        {
            node.LeaveToTensors();
        }
    }

    /// <inheritdoc/>
    public void Unpack(Span<nint> parameters)
    {
        for (var i = 0; i < saved.Length; i++)
        {
            if (saved[i] == 0)
                continue;
            parameters[i] = TorchExports.Unpack(saved[i], Pointers);
            if (parameters[i] == 0)
                throw TensorHandle.LastError();
        }
    }

    /// <inheritdoc/>
    protected override TensorArray OnApply(nint* upstreams, int count)
    {
        var returned = ReturnedGradients.Current;
        var edgeCount = 0;
        var gradients = call!.Variant.Gradients.Length;
        var few = default(FewHandles);
        var made = gradients <= FewHandles.Length ? few[..gradients] : new nint[gradients];
        try
        {
            for (var k = 0; k < gradients; k++)
                edgeCount = Math.Max(edgeCount, edges[k] + 1);
            call.Backward(new(upstreams, count), TensorHandle.IsRecording, this, made);
            var array = returned.Take(edgeCount);
            for (var k = 0; k < gradients; k++)
            {
                if (edges[k] >= 0)
                    array[edges[k]] = made[k];
            }

            return new(array, edgeCount);
        }
        catch (Exception exception)
        {
            // One gradient too many makes backward() throw.
            BackwardFailure.Note(exception);
            TensorHandle.DisposeAll(made);
            return new(returned.Take(edgeCount + 1), edgeCount + 1);
        }
        finally
        {
            TensorHandle.DisposeAll(new(upstreams, count));
        }
    }

    /// <inheritdoc/>
    protected override void Release()
    {
        foreach (ref var variable in saved.AsSpan())
        {
            if (variable != 0)
                TorchExports.DisposeSaved(variable);
            variable = 0;
        }

        call?.Dispose();
    }

    /// <inheritdoc/>
    protected override void Return()
    {
        call = null;
        NodePool<AutogradNode>.Return(this);
    }

    private void ConnectParameters(ReadOnlySpan<nint> parameters, Span<nint> results)
    {
        var gradients = call!.Variant.Gradients;
        if (edges.Length < gradients.Length)
            edges = new int[gradients.Length];
        var few = default(FewHandles);
        var inputs = gradients.Length <= FewHandles.Length ? few[..gradients.Length] : new nint[gradients.Length];
        var count = 0;
        var elements = 0L;
        for (var k = 0; k < gradients.Length; k++)
        {
            edges[k] = -1;
            if ((call.Needs & (1UL << k)) == 0)
                continue;
            edges[k] = count;
            inputs[count++] = parameters[gradients[k]];
            elements += GradientScale.Elements(parameters[gradients[k]]);
        }

        if (elements < LargeElements)
            Connect(inputs[..count], results);
        else
            ConnectThroughHandover(inputs[..count], results);
    }

    private void ConnectThroughHandover(ReadOnlySpan<nint> inputs, Span<nint> results)
    {
        var standIns = new nint[inputs.Length];
        try
        {
            HandoverNode.Insert(inputs, standIns);
            Connect(standIns, results);
        }
        finally
        {
            TensorHandle.DisposeAll(standIns);
        }
    }

    private void Save(ReadOnlySpan<nint> parameters, int[] kept)
    {
        if (saved.Length < parameters.Length)
            saved = new nint[parameters.Length];
        foreach (var parameter in kept)
        {
            if (parameters[parameter] == 0)
                continue;
            saved[parameter] = TorchExports.Save(parameters[parameter], Pointers, 0);
            if (saved[parameter] == 0)
                throw TensorHandle.LastError();
        }
    }
}
