using System.Runtime.InteropServices;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Execution;

/// <summary>
/// A node between a call's and its parameters that passes gradients on as they are, so that at the end the engine alone refers to them:
/// it then puts a gradient into a leaf's <c>.grad</c> as it is, and frees one that only passes through as soon as it can.
/// </summary>
/// <remarks>
/// A node returns tensors by pointer, and the library copies the reference after the callback, so whoever makes a gradient refers to it
/// for longer than the engine needs it; seeing two references, the engine copies the whole. What this node returns the engine itself
/// holds, as the callback's argument, until the copy is made, so a pointer that counts for nothing is enough.
/// </remarks>
internal sealed unsafe class HandoverNode : NativeNode
{
    /// <summary>Makes a stand-in for each tensor: what reaches the stand-in as its gradient is passed on to the tensor.</summary>
    internal static void Insert(ReadOnlySpan<nint> tensors, Span<nint> standIns)
    {
        var node = NodePool<HandoverNode>.Rent();
        node.Create();
        try
        {
            // Of the same shape and dtype, which the engine checks gradients against; their memory is never touched.
            for (var i = 0; i < tensors.Length; i++)
                standIns[i] = TensorHandle.Untouched(tensors[i]);
            node.Connect(tensors, standIns);
        }
        finally
        {
            node.LeaveToTensors();
        }
    }

    /// <inheritdoc/>
    protected override TensorArray OnApply(nint* upstreams, int count)
    {
        try
        {
            // What the call's node returned has been copied.
            ReturnedGradients.Current.Release();
            var table = BorrowedTensors.Current.Take(count);
            for (var i = 0; i < count; i++)
            {
                if (upstreams[i] == 0)
                    continue;
                table[count + i] = *(nint*)upstreams[i];
                table[i] = (nint)(table + count + i);
                TorchExports.Dispose(upstreams[i]);
            }

            return new(table, count);
        }
        catch (Exception exception)
        {
            BackwardFailure.Note(exception);
            return new(null, 0);
        }
    }

    /// <inheritdoc/>
    protected override void Release()
    {
    }

    /// <inheritdoc/>
    protected override void Return() => NodePool<HandoverNode>.Return(this);

    /// <summary>A thread's table of pointers to tensors, and behind them the tensors: references that are not counted.</summary>
    private sealed class BorrowedTensors
    {
        [ThreadStatic]
        private static BorrowedTensors? current;

        private nint* table;
        private int capacity;

        ~BorrowedTensors() => NativeMemory.Free(table);

        internal static BorrowedTensors Current => current ??= new();

        internal nint* Take(int count)
        {
            if (2 * count > capacity)
            {
                table = (nint*)NativeMemory.Realloc(table, (nuint)(2 * count * sizeof(nint)));
                capacity = 2 * count;
            }

            new Span<nint>(table, 2 * count).Clear();
            return table;
        }
    }
}
