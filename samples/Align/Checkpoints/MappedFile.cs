using System.IO.MemoryMappedFiles;
using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>A file mapped into memory for reading: what is not asked for is never read.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    // A span holds fewer bytes than a large embedding has.
    private const long LongestCopy = 1L << 30;

    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* start;

    private MappedFile(string path, MemoryMappedFile file, MemoryMappedViewAccessor view, long length)
    {
        (Path, Length, this.file, this.view) = (path, length, file, view);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += view.PointerOffset;
    }

    /// <summary>The file's path.</summary>
    public string Path { get; }

    /// <summary>The file's bytes.</summary>
    public long Length { get; }

    /// <summary>Maps a file that is not empty.</summary>
    /// <exception cref="CheckpointException">The file is missing, is empty or cannot be read.</exception>
    public static MappedFile Open(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            var length = stream.Length;
            if (length == 0)
                throw new CheckpointException($"{path}: the file is empty.");
            var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            return new MappedFile(path, file, file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read), length);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: {exception.Message}", exception);
        }
    }

    /// <summary>Bytes of the file.</summary>
    public ReadOnlySpan<byte> Bytes(long offset, int count)
    {
        if (offset < 0 || count < 0 || offset > Length - count)
            throw new ArgumentOutOfRangeException(nameof(offset), $"{offset} + {count} bytes of {Length}");
        return new ReadOnlySpan<byte>(start + offset, count);
    }

    /// <summary>Copies bytes of the file into a tensor on the CPU, as they are.</summary>
    /// <param name="destination">A contiguous tensor.</param>
    /// <param name="offset">Where its bytes begin in the file.</param>
    /// <param name="longest">The most bytes to copy at once.</param>
    /// <returns>The end of what was read.</returns>
    public long CopyTo(Tensor destination, long offset, long longest = LongestCopy)
    {
        using var flat = destination.view(-1);
        var (elements, size) = (flat.shape[0], destination.ElementSize);
        var most = longest / size;
        for (long first = 0; first < elements; first += most)
        {
            using var part = flat.narrow(0, first, Math.Min(most, elements - first));
            var bytes = part.bytes;
            Bytes(offset, bytes.Length).CopyTo(bytes);
            offset += bytes.Length;
        }

        return offset;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        file.Dispose();
    }
}
