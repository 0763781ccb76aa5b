using System.Text.Json;

namespace Align.Checkpoints;

/// <summary>Files that hold one JSON object.</summary>
internal static class JsonFile
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or does not hold one JSON object.</exception>
    public static JsonDocument Read(string path)
    {
        try
        {
            var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            throw new CheckpointException($"{path}: not a JSON object.");
        }
        catch (JsonException exception)
        {
            throw new CheckpointException($"{path}: not JSON: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: {exception.Message}", exception);
        }
    }
}
