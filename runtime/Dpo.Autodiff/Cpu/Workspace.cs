using System.Runtime.InteropServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>Memory of one calling thread that lives for a call and is used again by the next: a stack of native blocks.</summary>
internal sealed unsafe class Workspace
{
    private const nint Alignment = 64;
    private const nint FirstBlock = 64 << 10;

    [ThreadStatic]
    private static Workspace? current;

    private readonly List<nint> full = [];
    private byte* block;
    private nint size;
    private nint used;
    private nint total;

    ~Workspace()
    {
        Release();
        NativeMemory.AlignedFree(block);
    }

    /// <summary>The calling thread's.</summary>
    internal static Workspace Current => current ??= new();

    /// <summary>Memory aligned for any vector, until <see cref="Reset"/>.</summary>
    internal void* Take(nint bytes)
    {
        bytes = (Math.Max(bytes, 1) + Alignment - 1) / Alignment * Alignment;
        if (used + bytes > size)
            Grow(bytes);
        var place = block + used;
        used += bytes;
        return place;
    }

    /// <summary>What is taken after this can be given back alone.</summary>
    internal (int Blocks, nint Used) Mark() => (full.Count, used);

    /// <summary>Gives back what was taken since the mark, where it fitted into the block of that time; the rest waits for <see cref="Reset"/>.</summary>
    internal void Release((int Blocks, nint Used) mark)
    {
        if (mark.Blocks == full.Count)
            used = mark.Used;
    }

    /// <summary>Gives everything back, and keeps one block as large as all were.</summary>
    internal void Reset()
    {
        if (full.Count > 0)
        {
            Release();
            var needed = total;
            NativeMemory.AlignedFree(block);
            total = 0;
            Allocate(needed);
        }

        used = 0;
    }

    private void Grow(nint bytes)
    {
        if (block is not null)
            full.Add((nint)block);
        used = 0;
        Allocate(Math.Max(bytes, Math.Max(FirstBlock, total)));
    }

    private void Allocate(nint bytes)
    {
        block = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, (nuint)Alignment);
        size = bytes;
        total += bytes;
    }

    private void Release()
    {
        foreach (var address in full)
            NativeMemory.AlignedFree((void*)address);
        full.Clear();
    }
}
