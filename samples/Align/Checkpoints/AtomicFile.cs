namespace Align.Checkpoints;

/// <summary>Files that are there whole or not at all: written beside their place, then moved into it.</summary>
internal static class AtomicFile
{
    /// <summary>Writes a file.</summary>
    /// <exception cref="CheckpointException">The file cannot be written; what was there before still is.</exception>
    public static void Write(string path, Action<Stream> content)
    {
        var partial = $"{path}.{Guid.NewGuid():N}.partial";
        try
        {
            try
            {
                using (var stream = new FileStream(partial, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
                {
                    content(stream);
                    stream.Flush(flushToDisk: true);
                }

                File.Move(partial, path, overwrite: true);
            }
            catch when (File.Exists(partial))
            {
                File.Delete(partial);
                throw;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: {exception.Message}", exception);
        }
    }
}
