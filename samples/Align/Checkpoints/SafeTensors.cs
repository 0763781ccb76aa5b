using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>Files of tensors in the safetensors format.</summary>
public static class SafeTensors
{
    // The bytes of the tensors begin where any dtype may.
    private const int Alignment = 8;

    /// <summary>Reads every tensor of a file, on the CPU.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, is not as its header says, or has a tensor whose dtype TorchSharp lacks.</exception>
    public static IReadOnlyDictionary<string, Tensor> Read(string path)
    {
        using var file = SafeTensorsFile.Open(path);
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        try
        {
            foreach (var name in file.Tensors.Keys)
                tensors[name] = file.Read(name);
        }
        catch
        {
            foreach (var tensor in tensors.Values)
                tensor.Dispose();
            throw;
        }

        return tensors;
    }

    /// <summary>Writes tensors, those of the longest elements first, so that each begins where its dtype may, and by name. The file is there whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">The tensors by name.</param>
    /// <param name="metadata">Texts to keep with them.</param>
    /// <exception cref="CheckpointException">The file cannot be written, or the format lacks a dtype.</exception>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        foreach (var (name, tensor) in tensors)
        {
            if (name == SafeTensorsHeader.MetadataName)
                throw new CheckpointException($"{path}: a tensor cannot be named {name}: the format keeps its texts there.");
            if (SafeTensorsDType.NameOf(tensor.dtype) is null)
                throw new CheckpointException($"{path}: {name} is {tensor.dtype}, which the format does not have.");
        }

        var ordered = tensors.OrderByDescending(t => t.Value.ElementSize).ThenBy(t => t.Key, StringComparer.Ordinal).ToArray();
        var json = Header(ordered, metadata);
        if (json.Length > SafeTensorsHeader.LongestJson)
            throw new CheckpointException($"{path}: the header of {tensors.Count} tensors would be {json.Length} bytes; the format allows {SafeTensorsHeader.LongestJson}.");
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[SafeTensorsHeader.Prefix];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)json.Length);
            stream.Write(length);
            stream.Write(json);
            foreach (var (_, tensor) in ordered)
                TensorBytes.Write(stream, tensor);
        });
    }

    private static byte[] Header(KeyValuePair<string, Tensor>[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is not null)
            {
                json.WriteStartObject(SafeTensorsHeader.MetadataName);
                foreach (var (key, text) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
                    json.WriteString(key, text);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (var (name, tensor) in tensors)
            {
                var end = offset + tensor.numel() * tensor.ElementSize;
                json.WriteStartObject(name);
                json.WriteString("dtype", SafeTensorsDType.NameOf(tensor.dtype));
                Numbers(json, "shape", tensor.shape);
                Numbers(json, "data_offsets", [offset, end]);
                json.WriteEndObject();
                offset = end;
            }

            json.WriteEndObject();
        }

        var padding = (Alignment - buffer.WrittenCount % Alignment) % Alignment;
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        return buffer.WrittenSpan.ToArray();
    }

    private static void Numbers(Utf8JsonWriter json, string name, long[] numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
