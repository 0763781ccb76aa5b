using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Align.Data;

/// <summary>One object of a file of rows.</summary>
/// <param name="Value">The object.</param>
/// <param name="File">The file's path.</param>
/// <param name="Line">The line on which the object starts, from 1.</param>
internal sealed record JsonRow(JsonElement Value, string File, int Line)
{
    /// <summary>File and line, as editors understand them.</summary>
    public string Place => $"{File}:{Line}";
}

/// <summary>
/// Reads the objects of a JSON Lines file, or of a JSON file that holds one array, one after the other: a file may be larger than the memory.
/// Either may be compressed by gzip.
/// </summary>
internal static class JsonRows
{
    /// <summary>The rows of a file, in order.</summary>
    public static IEnumerable<JsonRow> Read(string path)
    {
        using var stream = Open(path);
        using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
        foreach (var (text, line) in Guarded(Texts(reader, path), path))
            yield return new JsonRow(Parse(text, path, line), path, line);
    }

    private static Stream Open(string path)
    {
        try
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
            var isCompressed = file.ReadByte() == 0x1f && file.ReadByte() == 0x8b;
            file.Position = 0;
            return isCompressed ? new GZipStream(file, CompressionMode.Decompress) : file;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path}: {exception.Message}");
        }
    }

    /// <summary>What goes wrong below the text (a cut gzip file, bytes that are no UTF-8) names the file too.</summary>
    private static IEnumerable<(string Text, int Line)> Guarded(IEnumerable<(string Text, int Line)> texts, string path)
    {
        using var enumerator = texts.GetEnumerator();
        var line = 1;
        while (true)
        {
            try
            {
                if (!enumerator.MoveNext())
                    yield break;
                line = enumerator.Current.Line;
            }
            catch (Exception exception) when (exception is InvalidDataException or IOException or DecoderFallbackException)
            {
                throw new DataException($"{path}, after line {line}: cannot be read: {exception.Message}");
            }

            yield return enumerator.Current;
        }
    }

    private static IEnumerable<(string Text, int Line)> Texts(StreamReader reader, string path)
    {
        var line = 1;
        while (reader.Peek() is >= 0 and var next && char.IsWhiteSpace((char)next))
            line += reader.Read() == '\n' ? 1 : 0;
        return reader.Peek() == '[' ? new JsonArrayText(reader, path, line).Elements() : Lines(reader, line);
    }

    private static IEnumerable<(string Text, int Line)> Lines(StreamReader reader, int line)
    {
        for (; reader.ReadLine() is { } text; line++)
        {
            if (!string.IsNullOrWhiteSpace(text))
                yield return (text, line);
        }
    }

    private static JsonElement Parse(string text, string path, int line)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new DataException($"{path}:{line}: a row is an object, this is {Kinds.Name(document.RootElement)}.");
        }
        catch (JsonException exception)
        {
            throw new DataException($"{path}:{line + exception.LineNumber ?? line}: not JSON: {exception.Message}");
        }
    }
}
