using System.Text.Json;
using System.Text.Json.Nodes;
using Align.Model;
using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>The weights of a Hugging Face folder: <c>model.safetensors</c>, or shards with an index.</summary>
internal static class HuggingFaceFolder
{
    /// <summary>transformers starts another file where one would be longer.</summary>
    public const long LongestShard = 5_000_000_000;

    private const string Single = "model.safetensors";
    private const string Index = "model.safetensors.index.json";
    private const string Head = "lm_head.weight";
    private const string Body = "model.";

    /// <summary>Reads a model of a configuration.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the weights are not those of the configuration.</exception>
    public static Llama Read(string folder, LlamaConfig config, ScalarType dtype, Device? device)
    {
        var files = new Dictionary<string, SafeTensorsFile>(StringComparer.Ordinal);
        try
        {
            var places = Places(folder, files);
            var model = Llama.Unset(config, dtype, device);
            try
            {
                Fill(folder, model, places);
            }
            catch
            {
                model.Dispose();
                throw;
            }

            return model;
        }
        finally
        {
            foreach (var file in files.Values)
                file.Dispose();
        }
    }

    /// <summary>Writes a model's configuration and weights.</summary>
    public static void Write(string folder, Llama model, ScalarType dtype, long longestShard = LongestShard)
    {
        if (dtype is not (ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16))
            throw new CheckpointException($"{folder}: weights are written as float32, float16 or bfloat16, not as {dtype}.");
        LlamaConfigJson.Write(folder, model.Config, dtype);
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        var shards = Shards(model, dtype, longestShard);
        var map = new JsonObject();
        for (var i = 0; i < shards.Count; i++)
        {
            using var scope = NewDisposeScope();
            using var off = no_grad();
            var name = shards.Count == 1 ? Single : $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors";
            SafeTensors.Write(Path.Combine(folder, name), shards[i].ToDictionary(NameOf, parameter => model.get_parameter(parameter)!.detach().to(dtype)), metadata);
            foreach (var parameter in shards[i])
                map[NameOf(parameter)] = name;
        }

        // What an earlier save left would be read instead.
        foreach (var old in Directory.GetFiles(folder, "model*.safetensors").Where(f => !map.Any(m => m.Value!.GetValue<string>() == Path.GetFileName(f))))
            File.Delete(old);
        var index = Path.Combine(folder, Index);
        if (shards.Count == 1)
            File.Delete(index);
        else
            WriteIndex(index, map, model.Config.Parameters * (dtype == ScalarType.Float32 ? 4 : 2));
    }

    /// <summary>Which file has each tensor.</summary>
    private static Dictionary<string, SafeTensorsFile> Places(string folder, Dictionary<string, SafeTensorsFile> files)
    {
        var places = new Dictionary<string, SafeTensorsFile>(StringComparer.Ordinal);
        var index = Path.Combine(folder, Index);
        if (!File.Exists(index))
        {
            var single = Path.Combine(folder, Single);
            if (!File.Exists(single))
                throw new CheckpointException($"{folder}: neither {Single} nor {Index} is there{(File.Exists(Path.Combine(folder, "pytorch_model.bin")) ? "; convert pytorch_model.bin to safetensors first" : "")}.");
            files[Single] = SafeTensorsFile.Open(single);
            foreach (var name in files[Single].Tensors.Keys)
                places[name] = files[Single];
            return places;
        }

        using var document = JsonFile.Read(index);
        if (!document.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
            throw new CheckpointException($"{index}: there is no weight_map.");
        foreach (var entry in map.EnumerateObject())
        {
            var shard = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString()! : "";
            if (shard == "" || shard != Path.GetFileName(shard) || shard is "." or "..")
                throw new CheckpointException($"{index}: {entry.Name} is in {entry.Value.GetRawText()}, which is not the name of a file beside the index.");
            if (!files.TryGetValue(shard, out var file))
                files[shard] = file = SafeTensorsFile.Open(Path.Combine(folder, shard));
            if (!file.Tensors.ContainsKey(entry.Name))
                throw new CheckpointException($"{file.Path}: {entry.Name} is not there, but the index says so.");
            if (!places.TryAdd(entry.Name, file))
                throw new CheckpointException($"{index}: {entry.Name} is there twice.");
        }

        return places;
    }

    private static void Fill(string folder, Llama model, Dictionary<string, SafeTensorsFile> places)
    {
        using var off = no_grad();
        foreach (var (parameter, weight) in model.named_parameters())
        {
            using var scope = NewDisposeScope();
            var name = NameOf(parameter);
            if (!places.Remove(name, out var file))
                throw new CheckpointException($"{folder}: the weights lack {name}, which the configuration asks for.");
            var entry = file.Tensors[name];
            if (entry.DType is not ("F32" or "F16" or "BF16" or "F64"))
                throw new CheckpointException($"{file.Path}: {name} is {entry.DType}; F32, F16, BF16 and F64 are read.");
            if (!entry.Shape.SequenceEqual(weight.shape))
                throw new CheckpointException($"{file.Path}: {name} is [{string.Join(", ", entry.Shape)}]; the configuration asks for [{string.Join(", ", weight.shape)}].");
            weight.copy_(file.Read(name));
        }

        // Old files keep the rotary frequencies, and some the embedding once more as the head.
        var unknown = places.Keys.Where(name => !name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal) && !(model.Config.TiedHead && name == Head)).Order(StringComparer.Ordinal).ToArray();
        if (unknown.Length > 0)
            throw new CheckpointException($"{places[unknown[0]].Path}: {unknown[0]}{(unknown.Length > 1 ? $" and {unknown.Length - 1} more" : "")} is not a weight of this model: it is of another kind.");
    }

    private static List<List<string>> Shards(Llama model, ScalarType dtype, long longest)
    {
        var shards = new List<List<string>> { new() };
        long length = 0;
        foreach (var (name, parameter) in model.named_parameters())
        {
            var bytes = parameter.numel() * (dtype == ScalarType.Float32 ? 4 : 2);
            if (length > 0 && length + bytes > longest)
            {
                shards.Add([]);
                length = 0;
            }

            shards[^1].Add(name);
            length += bytes;
        }

        return shards;
    }

    private static void WriteIndex(string path, JsonObject map, long bytes)
    {
        var content = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = bytes }, ["weight_map"] = map };
        AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, content, new JsonSerializerOptions { WriteIndented = true, NewLine = "\n" }));
    }

    private static string NameOf(string parameter) => parameter == Head ? Head : Body + parameter;
}
