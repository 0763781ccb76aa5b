using System.Runtime.InteropServices;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Execution;

/// <summary>
/// Gradients that a backward on this thread has returned to the library, which copies them right after: they are given up as soon as
/// the thread is known to be past that.
/// </summary>
internal sealed unsafe class ReturnedGradients
{
    [ThreadStatic]
    private static ReturnedGradients? current;

    private nint* handles;
    private int capacity;
    private int count;

    ~ReturnedGradients()
    {
        Release();
        NativeMemory.Free(handles);
    }

    /// <summary>The calling thread's.</summary>
    internal static ReturnedGradients Current => current ??= new();

    /// <summary>A table of handles, all 0, that is the library's until its next callback on this thread.</summary>
    internal nint* Take(int length)
    {
        Release();
        if (length > capacity)
        {
            handles = (nint*)NativeMemory.Realloc(handles, (nuint)(length * sizeof(nint)));
            capacity = length;
        }

        new Span<nint>(handles, length).Clear();
        count = length;
        return handles;
    }

    /// <summary>Gives up what was returned last.</summary>
    internal void Release()
    {
        // Deleting a gradient may delete a node, which comes back here.
        for (var i = count - 1; i >= 0; i--)
        {
            var handle = handles[i];
            handles[i] = 0;
            TensorHandle.Dispose(handle);
        }

        count = 0;
    }
}

/// <summary>The table that the native library writes its wrapped tensors into.</summary>
internal sealed unsafe class WrappedTensors
{
    [ThreadStatic]
    private static WrappedTensors? current;

    private nint* handles;
    private int capacity;

    ~WrappedTensors() => NativeMemory.Free(handles);

    /// <summary>The calling thread's.</summary>
    internal static WrappedTensors Current => current ??= new();

    /// <summary>How many the library has asked for.</summary>
    internal int Count { get; set; }

    internal nint this[int index] => handles[index];

    [UnmanagedCallersOnly]
    internal static nint* Allocate(nuint count)
    {
        var table = Current;
        if ((int)count > table.capacity)
        {
            table.handles = (nint*)NativeMemory.Realloc(table.handles, count * (nuint)sizeof(nint));
            table.capacity = (int)count;
        }

        table.Count = (int)count;
        return table.handles;
    }
}
