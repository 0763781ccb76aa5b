using System.Runtime.InteropServices;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Execution;

/// <summary>A node of the autograd graph, made of the exports behind <c>torch.autograd.Function</c> without its lists, boxes and caches.</summary>
/// <remarks>
/// The library calls back by function pointer alone, so each live node needs pointers of its own: they belong to nodes of a pool. A node
/// goes back to its pool when the library deletes its native part, which it does last, whatever thread drops the last tensor that needs it.
/// </remarks>
internal abstract unsafe class NativeNode
{
    private readonly Apply apply;
    private readonly Delete delete;
    private readonly nint applyPointer;
    private readonly nint deletePointer;

    protected NativeNode()
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

    /// <summary>The native part, while it lives.</summary>
    protected NodePointers Pointers { get; private set; }

    /// <summary>Makes the native part. From then on the node is returned by its deletion alone.</summary>
    protected void Create()
    {
        Pointers = TorchExports.NodeCreate(applyPointer, deletePointer);
        if (Pointers.Shared != 0)
            return;
        Return();
        throw TensorHandle.LastError();
    }

    /// <summary>Makes tensors depend on others through this node. Their handles are replaced: the tensors are the same, with a history.</summary>
    protected void Connect(ReadOnlySpan<nint> inputs, Span<nint> outputs)
    {
        fixed (nint* input = inputs)
        fixed (nint* output = outputs)
        {
            var variables = new TensorArray(input, inputs.Length);
            TorchExports.NodeSetNextEdges(Pointers, variables, 1);
            var wrapped = WrappedTensors.Current;
            wrapped.Count = 0;
            TorchExports.WrapOutputs(variables, default, default, new(output, outputs.Length), Pointers, &WrappedTensors.Allocate);
            if (wrapped.Count != outputs.Length)
                throw TensorHandle.LastError();
            for (var i = 0; i < outputs.Length; i++)
            {
                TorchExports.Dispose(outputs[i]);
                outputs[i] = wrapped[i];
            }
        }
    }

    /// <summary>Leaves the native part to the tensors that depend on it; without any it is deleted.</summary>
    protected void LeaveToTensors()
    {
        var shared = Pointers;
        Pointers = new() { Weak = shared.Weak };
        TorchExports.NodeDisposeShared(shared);
    }

    /// <summary>The gradients for the upstream gradients, whose handles it takes over. It never throws: an exception would end the process.</summary>
    protected abstract TensorArray OnApply(nint* upstreams, int count);

    /// <summary>Gives up what the node holds. It may run on any thread.</summary>
    protected abstract void Release();

    /// <summary>Puts the node back into its pool.</summary>
    protected abstract void Return();

    private void OnDelete()
    {
        try
        {
            Release();
            if (Pointers.Weak != 0)
                TorchExports.NodeDisposeWeak(Pointers);
            Pointers = default;
            ReturnedGradients.Current.Release();
            Return();
        }
        catch (Exception exception)
        {
            BackwardFailure.Note(exception);
        }
    }
}

/// <summary>Nodes that wait to be used, and all there are: their thunks must outlive every native pointer to them.</summary>
internal static class NodePool<TNode>
    where TNode : NativeNode, new()
{
    private static readonly Lock Gate = new();
    private static readonly Stack<TNode> Free = [];
    private static readonly List<TNode> All = [];

    internal static TNode Rent()
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

    internal static void Return(TNode node)
    {
        lock (Gate)
            Free.Push(node);
    }
}
