using System.Buffers.Binary;
using System.Text.Json;

namespace Align.Checkpoints;

/// <summary>
/// The header of a safetensors file: eight bytes with the length of the JSON that follows, little-endian, then the JSON, which may end in spaces. Each
/// name has a dtype, a shape and two offsets; together the tensors cover what follows the header, without a hole and without an overlap.
/// </summary>
internal sealed class SafeTensorsHeader
{
    /// <summary>The bytes of the length.</summary>
    public const int Prefix = sizeof(ulong);

    /// <summary>The longest JSON, by the format.</summary>
    public const long LongestJson = 100_000_000;

    /// <summary>The name under which the format keeps texts.</summary>
    public const string MetadataName = "__metadata__";

    private readonly string path;
    private readonly Dictionary<string, SafeTensorsEntry> tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> metadata = new(StringComparer.Ordinal);

    private SafeTensorsHeader(string path) => this.path = path;

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SafeTensorsEntry> Tensors => tensors;

    /// <summary>The texts.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Where the tensors' bytes begin in the file.</summary>
    public long Start { get; private init; }

    /// <summary>Reads and checks a header against its file.</summary>
    /// <exception cref="CheckpointException">The header is not of the format, or not that of a file of this length.</exception>
    public static SafeTensorsHeader Read(MappedFile file)
    {
        if (file.Length < Prefix)
            throw new CheckpointException($"{file.Path}: {file.Length} bytes; a safetensors file begins with {Prefix} that are the length of its header.");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(file.Bytes(0, Prefix));
        if (length > LongestJson)
            throw new CheckpointException($"{file.Path}: a header of {length} bytes; the format allows {LongestJson}: not a safetensors file, or damaged.");
        if (length > (ulong)(file.Length - Prefix))
            throw new CheckpointException($"{file.Path}: a header of {length} bytes in a file of {file.Length}: it is truncated.");
        var json = file.Bytes(Prefix, (int)length);
        if (json.IsEmpty || json[0] != '{')
            throw new CheckpointException($"{file.Path}: the header does not begin with {{: not a safetensors file, or damaged.");
        var header = new SafeTensorsHeader(file.Path) { Start = Prefix + (long)length };
        header.Parse(json.ToArray());
        header.CheckCover(file.Length - header.Start);
        return header;
    }

    private void Parse(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var hasMetadata = false;
            foreach (var property in document.RootElement.EnumerateObject())
            {
                var name = property.Name;
                if (name == MetadataName ? hasMetadata : tensors.ContainsKey(name))
                    throw new CheckpointException($"{path}: {name} is in the header twice.");
                if (name == MetadataName)
                    ReadMetadata(property.Value);
                else
                    tensors.Add(name, Entry(name, property.Value));
                hasMetadata |= name == MetadataName;
            }
        }
        catch (JsonException exception)
        {
            throw new CheckpointException($"{path}: the header is not JSON: {exception.Message}", exception);
        }
        catch (InvalidOperationException exception)
        {
            // A name or text that JSON's grammar allows and UTF-8 or UTF-16 does not.
            throw new CheckpointException($"{path}: the header's texts are not Unicode: {exception.Message}", exception);
        }
    }

    private void ReadMetadata(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw new CheckpointException($"{path}: {MetadataName} is not an object of texts.");
        foreach (var text in value.EnumerateObject())
        {
            if (text.Value.ValueKind != JsonValueKind.String)
                throw new CheckpointException($"{path}: {text.Name} in {MetadataName} is not a text.");
            if (!metadata.TryAdd(text.Name, text.Value.GetString()!))
                throw new CheckpointException($"{path}: {text.Name} is in {MetadataName} twice.");
        }
    }

    private SafeTensorsEntry Entry(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw new CheckpointException($"{path}: {name} is not an object with dtype, shape and data_offsets.");
        JsonElement? dtype = null, shape = null, offsets = null;
        foreach (var field in value.EnumerateObject())
        {
            ref var place = ref dtype;
            switch (field.Name)
            {
                case "dtype": break;
                case "shape": place = ref shape; break;
                case "data_offsets": place = ref offsets; break;
                default: continue;
            }

            if (place is not null)
                throw new CheckpointException($"{path}: {name} has {field.Name} twice.");
            place = field.Value;
        }

        if (dtype is not { ValueKind: JsonValueKind.String } text || SafeTensorsDType.BitsOf(text.GetString()!) is not { } bits)
            throw new CheckpointException($"{path}: {name} has {(dtype is { } other ? $"the dtype {other.GetRawText()}, which is not of the format" : "no dtype")}.");
        var extents = Numbers(name, "shape", shape);
        var places = Numbers(name, "data_offsets", offsets);
        if (places.Length != 2 || places[0] > places[1])
            throw new CheckpointException($"{path}: {name} has data_offsets [{string.Join(", ", places)}], not a begin and an end.");
        UInt128 size = (UInt128)bits;
        foreach (var extent in extents)
        {
            size *= (ulong)extent;
            if (size > ulong.MaxValue)
                throw new CheckpointException($"{path}: {name} has the shape [{string.Join(", ", extents)}], which is more than can be counted.");
        }

        if (size % 8 != 0 || size / 8 != (UInt128)(places[1] - places[0]))
            throw new CheckpointException($"{path}: {name} is {text.GetString()} [{string.Join(", ", extents)}], which is {size / 8} bytes, but has {places[1] - places[0]}.");
        return new SafeTensorsEntry(text.GetString()!, extents, places[0], places[1]);
    }

    private long[] Numbers(string name, string field, JsonElement? value)
    {
        if (value is not { ValueKind: JsonValueKind.Array } array)
            throw new CheckpointException($"{path}: {name} has no {field}, or not as an array.");
        var numbers = new long[array.GetArrayLength()];
        for (var i = 0; i < numbers.Length; i++)
        {
            if (array[i].ValueKind != JsonValueKind.Number || !array[i].TryGetInt64(out numbers[i]) || numbers[i] < 0)
                throw new CheckpointException($"{path}: {name} has {array[i].GetRawText()} in its {field}, where a count belongs (0 to {long.MaxValue}).");
        }

        return numbers;
    }

    /// <summary>Every byte belongs to one tensor.</summary>
    private void CheckCover(long length)
    {
        long covered = 0;
        var last = "the header";
        foreach (var (name, entry) in tensors.OrderBy(t => t.Value.Begin).ThenBy(t => t.Value.End))
        {
            if (entry.Begin < covered)
                throw new CheckpointException($"{path}: {name} begins at {entry.Begin}, inside {last}, which ends at {covered}: tensors overlap.");
            if (entry.Begin > covered)
                throw new CheckpointException($"{path}: {name} begins at {entry.Begin}, but {last} ends at {covered}: the bytes between belong to nothing.");
            (covered, last) = (entry.End, name);
        }

        if (covered > length)
            throw new CheckpointException($"{path}: {last} ends at {covered}, but {length} bytes follow the header: the file is truncated.");
        if (covered < length)
            throw new CheckpointException($"{path}: the tensors end at {covered}, but {length} bytes follow the header: the file is longer than its header says.");
    }
}
