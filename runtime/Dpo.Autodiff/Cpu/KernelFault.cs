namespace Dpo.Autodiff.Cpu;

/// <summary>What a kernel found wrong with its data: an index out of range. The smallest is kept, so it does not depend on threads.</summary>
public struct KernelFault
{
    private int gate;

    /// <summary>Whether anything was found.</summary>
    public bool IsFault { get; private set; }

    /// <summary>The buffer of indices, or the indexed one where indices were computed.</summary>
    public int Buffer { get; private set; }

    /// <summary>The index.</summary>
    public long Index { get; private set; }

    /// <summary>The size of the indexed axis: indices run from 0 to one less.</summary>
    public long Extent { get; private set; }

    internal void Note(int buffer, long index, long extent)
    {
        while (Interlocked.CompareExchange(ref gate, 1, 0) != 0)
            Thread.SpinWait(1);
        if (!IsFault || buffer < Buffer || (buffer == Buffer && index < Index))
        {
            IsFault = true;
            Buffer = buffer;
            Index = index;
            Extent = extent;
        }

        Volatile.Write(ref gate, 0);
    }
}
