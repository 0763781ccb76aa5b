using System.Runtime.InteropServices;

namespace Dpo.Autodiff.Native;

/// <summary>
/// Memory of large tensors that is used again. The system hands large blocks out page by page, cleared, and takes them back at once:
/// that costs as much as the pass over them, in every call anew.
/// </summary>
/// <remarks>What is given back waits a few seconds for the next call, and never adds up to more than a share of the machine's memory.</remarks>
internal static unsafe partial class LargeMemory
{
    /// <summary>Blocks below this size are the C library's business.</summary>
    internal const long Least = 4 << 20;

    private const nuint PageSize = 2 << 20;
    private const int SecondsToWait = 5;

    // At most one part of this many of the machine's memory waits.
    private const int PartOfMemory = 8;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<nint, nuint> Sizes = [];
    private static readonly List<Waiting> Blocks = [];
    private static Timer? timer;
    private static nuint waitingBytes;

    /// <summary>What the native library calls when a tensor's memory is no longer needed.</summary>
    internal static nint Deleter => (nint)(delegate* unmanaged<void*, void>)&Free;

    /// <summary>The bytes that wait to be used again.</summary>
    internal static nuint WaitingBytes
    {
        get
        {
            lock (Gate)
                return waitingBytes;
        }
    }

    /// <summary>A block, not cleared, at the start of a page.</summary>
    internal static nint Allocate(long bytes)
    {
        var size = ((nuint)bytes + PageSize - 1) / PageSize * PageSize;
        lock (Gate)
        {
            if (TryTake(size, out var block))
                return block;
        }

        var address = (nint)NativeMemory.AlignedAlloc(size, PageSize);
        if (OperatingSystem.IsLinux())
            AdviseLargePages(address, size);
        lock (Gate)
            Sizes[address] = size;
        return address;
    }

    /// <summary>Gives everything that waits back to the system.</summary>
    internal static void Trim() => Trim(long.MaxValue);

    // The smallest that fits, if it is not much larger.
    private static bool TryTake(nuint size, out nint address)
    {
        var best = -1;
        for (var i = 0; i < Blocks.Count; i++)
        {
            if (Blocks[i].Size >= size && Blocks[i].Size / 5 <= size / 4 && (best < 0 || Blocks[i].Size < Blocks[best].Size))
                best = i;
        }

        address = 0;
        if (best < 0)
            return false;
        address = Blocks[best].Address;
        waitingBytes -= Blocks[best].Size;
        Blocks.RemoveAt(best);
        return true;
    }

    [UnmanagedCallersOnly]
    private static void Free(void* address)
    {
        lock (Gate)
        {
            if (!Sizes.TryGetValue((nint)address, out var size))
                return;
            Blocks.Add(new((nint)address, size, Environment.TickCount64));
            waitingBytes += size;
            var most = (nuint)(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / PartOfMemory);
            while (waitingBytes > most)
                Release(0);
            timer ??= new(static _ => TrimIdle());
            timer.Change(SecondsToWait * 1000, Timeout.Infinite);
        }
    }

    private static void TrimIdle()
    {
        Trim(Environment.TickCount64 - (SecondsToWait * 1000));
        lock (Gate)
        {
            if (Blocks.Count > 0)
                timer!.Change(SecondsToWait * 1000, Timeout.Infinite);
        }
    }

    private static void Trim(long before)
    {
        lock (Gate)
        {
            for (var i = Blocks.Count - 1; i >= 0; i--)
            {
                if (Blocks[i].Since <= before)
                    Release(i);
            }
        }
    }

    private static void Release(int index)
    {
        var block = Blocks[index];
        Blocks.RemoveAt(index);
        waitingBytes -= block.Size;
        Sizes.Remove(block.Address);
        NativeMemory.AlignedFree((void*)block.Address);
    }

    // Best effort: without large pages it is only slower.
    private static void AdviseLargePages(nint address, nuint size)
    {
        const int LargePages = 14;
        _ = Advise(address, size, LargePages);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);

    private readonly record struct Waiting(nint Address, nuint Size, long Since);
}
