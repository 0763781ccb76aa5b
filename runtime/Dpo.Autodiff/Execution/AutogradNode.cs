using System.Runtime.InteropServices;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Execution;

/// <summary>
/// The node of a call in the autograd graph, made of the exports behind <c>torch.autograd.Function</c> without its lists, boxes and
/// caches.
/// </summary>
/// <remarks>
/// The library calls back by function pointer alone, so each live node needs pointers of its own: they belong to nodes of a pool. A node
/// goes back to the pool when the library deletes its native part, which it does last, whatever thread drops the last result of the call.
/// </remarks>
internal sealed unsafe class AutogradNode : ISavedInputs
{
    private static readonly Lock Gate = new();
    private static readonly Stack<AutogradNode> Free = [];

    // All nodes there are: their thunks must outlive every native pointer to them.
    private static readonly List<AutogradNode> All = [];

    private readonly Apply apply;
    private readonly Delete delete;
    private readonly nint applyPointer;
    private readonly nint deletePointer;
    private NodePointers pointers;
    private RecordedCall? call;
    private nint[] saved = [];
    private int[] edges = [];

    private AutogradNode()
    {
        apply = OnApply;
        delete = OnDelete;
        applyPointer = Marshal.GetFunctionPointerForDelegate(apply);
        deletePointer = Marshal.GetFunctionPointerForDelegate(delete);
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate TensorArray Apply(nint* upstreams, int count);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Delete();

    /// <summary>Makes results part of the graph: their handles are those of the same tensors, now with a history.</summary>
    /// <param name="call">What the backward needs.</param>
    /// <param name="parameters">The handle of each parameter's tensor.</param>
    /// <param name="results">The handles of the results of <see cref="RecordedCall.Results"/>, which are replaced.</param>
    /// <param name="kept">The parameters that a backward reads.</param>
    internal static void Record(RecordedCall call, ReadOnlySpan<nint> parameters, Span<nint> results, int[] kept)
    {
        var node = Rent();
        node.call = call;
        node.pointers = TorchExports.NodeCreate(node.applyPointer, node.deletePointer);
        if (node.pointers.Shared == 0)
        {
            node.Return();
            throw TensorHandle.LastError();
        }

        try
        {
            node.Connect(parameters, results, kept);
        }
        finally
        {
            // From here on the results alone keep it alive.
            var shared = node.pointers;
            node.pointers.Shared = 0;
            TorchExports.NodeDisposeShared(shared);
        }
    }

    /// <inheritdoc/>
    public void Unpack(Span<nint> parameters)
    {
        for (var i = 0; i < saved.Length; i++)
        {
            if (saved[i] == 0)
                continue;
            parameters[i] = TorchExports.Unpack(saved[i], pointers);
            if (parameters[i] == 0)
                throw TensorHandle.LastError();
        }
    }

    private void Connect(ReadOnlySpan<nint> parameters, Span<nint> results, int[] kept)
    {
        var gradients = call!.Variant.Gradients;
        var count = 0;
        if (edges.Length < gradients.Length)
            edges = new int[gradients.Length];
        var few = default(FewHandles);
        var inputs = gradients.Length <= FewHandles.Length ? few[..gradients.Length] : new nint[gradients.Length];
        for (var k = 0; k < gradients.Length; k++)
        {
            edges[k] = -1;
            if ((call.Needs & (1UL << k)) == 0)
                continue;
            edges[k] = count;
            inputs[count++] = parameters[gradients[k]];
        }

        fixed (nint* input = inputs)
        fixed (nint* result = results)
        {
            var variables = new TensorArray(input, count);
            TorchExports.NodeSetNextEdges(pointers, variables, 1);
            var wrapped = WrappedTensors.Current;
            wrapped.Count = 0;
            TorchExports.WrapOutputs(variables, default, default, new(result, results.Length), pointers, &WrappedTensors.Allocate);
            if (wrapped.Count != results.Length)
                throw TensorHandle.LastError();
            for (var i = 0; i < results.Length; i++)
            {
                TorchExports.Dispose(results[i]);
                results[i] = wrapped[i];
            }
        }

        if (saved.Length < parameters.Length)
            saved = new nint[parameters.Length];
        foreach (var parameter in kept)
        {
            if (parameters[parameter] == 0)
                continue;
            saved[parameter] = TorchExports.Save(parameters[parameter], pointers, 0);
            if (saved[parameter] == 0)
                throw TensorHandle.LastError();
        }
    }

    // An exception that left this would end the process: instead one gradient too many makes backward() throw.
    private TensorArray OnApply(nint* upstreams, int count)
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
            BackwardFailure.Note(exception);
            foreach (var handle in made)
                TensorHandle.Dispose(handle);
            return new(returned.Take(edgeCount + 1), edgeCount + 1);
        }
        finally
        {
            for (var i = 0; i < count; i++)
                TensorHandle.Dispose(upstreams[i]);
        }
    }

    private void OnDelete()
    {
        try
        {
            foreach (ref var variable in saved.AsSpan())
            {
                if (variable != 0)
                    TorchExports.DisposeSaved(variable);
                variable = 0;
            }

            if (pointers.Weak != 0)
                TorchExports.NodeDisposeWeak(pointers);
            ReturnedGradients.Current.Release();
            Return();
        }
        catch (Exception exception)
        {
            BackwardFailure.Note(exception);
        }
    }

    private static AutogradNode Rent()
    {
        lock (Gate)
        {
            if (Free.TryPop(out var node))
                return node;
            node = new();
            All.Add(node);
            return node;
        }
    }

    private void Return()
    {
        call?.Dispose();
        call = null;
        pointers = default;
        lock (Gate)
            Free.Push(this);
    }
}
