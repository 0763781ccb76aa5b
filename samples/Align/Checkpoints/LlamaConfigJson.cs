using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Align.Model;
using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>The <c>config.json</c> of a Hugging Face folder, with the keys of transformers' LlamaConfig.</summary>
internal static class LlamaConfigJson
{
    /// <summary>The file's name.</summary>
    public const string FileName = "config.json";

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads the sizes of a model.</summary>
    /// <exception cref="CheckpointException">The file is missing, or is that of another kind of model.</exception>
    public static LlamaConfig Read(string path)
    {
        using var document = JsonFile.Read(path);
        var json = new Reader(path, document.RootElement);
        var kind = json.Text("model_type") ?? "llama";
        if (kind is not ("llama" or "mistral" or "qwen2"))
            throw new CheckpointException($"{path}: model_type is {kind}; llama, mistral and qwen2 are read.");
        if (json.Text("hidden_act") is { } activation && activation is not ("silu" or "swish"))
            throw new CheckpointException($"{path}: hidden_act is {activation}; silu is read.");
        if (json.Flag("mlp_bias"))
            throw new CheckpointException($"{path}: mlp_bias is true; feed-forward layers without a bias are read.");
        if (json.Has("quantization_config"))
            throw new CheckpointException($"{path}: the weights are quantised; float32, float16 and bfloat16 are read.");
        var context = json.Count("max_position_embeddings") ?? 2048;
        // Attention sees no further than the window: within it, it is that of a Llama.
        if ((!json.IsThere("use_sliding_window") || json.Flag("use_sliding_window")) && json.Count("sliding_window") is { } window)
            context = Math.Min(context, window);
        var (width, heads) = (json.Needed("hidden_size"), json.Needed("num_attention_heads"));
        var config = new LlamaConfig
        {
            Vocabulary = json.Needed("vocab_size"),
            Width = width,
            Layers = json.Needed("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = json.Count("num_key_value_heads") ?? heads,
            HeadWidth = json.Count("head_dim") is { } own && own != width / heads ? own : 0,
            HiddenWidth = json.Needed("intermediate_size"),
            ContextLength = context,
            // Newer files keep what turns positions in an object of its own.
            RopeBase = json.Inner("rope_parameters")?.Number("rope_theta") ?? json.Number("rope_theta") ?? 10_000,
            RopeScaling = Scaling(json.Inner("rope_parameters") ?? json.Inner("rope_scaling")),
            NormEpsilon = json.Number("rms_norm_eps") ?? 1e-6,
            AttentionBias = kind == "qwen2" ? AttentionBias.QueryKeyValue : json.Flag("attention_bias") ? AttentionBias.All : AttentionBias.None,
            TiedHead = json.Flag("tie_word_embeddings"),
            // What LlamaConfig has where the file does not say.
            Beginning = json.IsThere("bos_token_id") ? json.Token("bos_token_id") : 1,
            End = json.IsThere("eos_token_id") ? json.Token("eos_token_id") : 2,
            Padding = json.Token("pad_token_id"),
        };
        try
        {
            config.Validate();
        }
        catch (ArgumentException exception)
        {
            throw new CheckpointException($"{path}: {exception.Message}", exception);
        }

        return config;
    }

    /// <summary>Writes <c>config.json</c> and <c>generation_config.json</c>.</summary>
    public static void Write(string folder, LlamaConfig config, ScalarType dtype)
    {
        // The kind of model with a bias in three of four projections; it has heads of the usual width only.
        var isQwen = config.AttentionBias == AttentionBias.QueryKeyValue;
        if (isQwen && config.HeadWidth * config.Heads != config.Width)
            throw new CheckpointException($"{folder}: a qwen2 has heads that are {config.Width} / {config.Heads} wide, not {config.HeadWidth}.");
        Write(folder, FileName, new JsonObject
        {
            ["architectures"] = new JsonArray(isQwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM"),
            ["attention_bias"] = config.AttentionBias == AttentionBias.All,
            ["attention_dropout"] = Real(0),
            ["bos_token_id"] = config.Beginning,
            ["eos_token_id"] = config.End,
            ["head_dim"] = config.HeadWidth,
            ["hidden_act"] = "silu",
            ["hidden_size"] = config.Width,
            ["initializer_range"] = Real(Llama.InitialDeviation),
            ["intermediate_size"] = config.HiddenWidth,
            ["max_position_embeddings"] = config.ContextLength,
            ["mlp_bias"] = false,
            ["model_type"] = isQwen ? "qwen2" : "llama",
            ["num_attention_heads"] = config.Heads,
            ["num_hidden_layers"] = config.Layers,
            ["num_key_value_heads"] = config.KeyValueHeads,
            ["pad_token_id"] = config.Padding,
            ["pretraining_tp"] = 1,
            ["rms_norm_eps"] = Real(config.NormEpsilon),
            ["rope_scaling"] = Scaling(config.RopeScaling),
            ["rope_theta"] = Real(config.RopeBase),
            ["tie_word_embeddings"] = config.TiedHead,
            ["torch_dtype"] = dtype switch
            {
                ScalarType.Float16 => "float16",
                ScalarType.BFloat16 => "bfloat16",
                _ => "float32",
            },
            ["use_cache"] = true,
            ["vocab_size"] = config.Vocabulary,
        });
        var generation = new JsonObject { ["_from_model_config"] = true };
        foreach (var (key, id) in new[] { ("bos_token_id", config.Beginning), ("eos_token_id", config.End), ("pad_token_id", config.Padding) })
        {
            if (id is not null)
                generation[key] = id;
        }

        Write(folder, "generation_config.json", generation);
    }

    private static RopeScaling? Scaling(Reader? json)
    {
        if (json is not { } scaling)
            return null;
        var kind = scaling.Text("rope_type") ?? scaling.Text("type") ?? "default";
        return kind switch
        {
            "default" => null,
            "linear" => new RopeScaling(Needed("factor")),
            "llama3" => new RopeScaling(Needed("factor"))
            {
                Bands = (Needed("low_freq_factor"), Needed("high_freq_factor"), (int)Needed("original_max_position_embeddings")),
            },
            _ => throw new CheckpointException($"{scaling.Path}: rope scaling is {kind}; default, linear and llama3 are read."),
        };

        double Needed(string key) => scaling.Number(key) ?? throw new CheckpointException($"{scaling.Path}: {key} is missing in the rope scaling.");
    }

    private static JsonObject? Scaling(RopeScaling? scaling) => scaling switch
    {
        null => null,
        { Bands: { } bands } => new JsonObject
        {
            ["factor"] = Real(scaling.Factor),
            ["high_freq_factor"] = Real(bands.High),
            ["low_freq_factor"] = Real(bands.Low),
            ["original_max_position_embeddings"] = bands.OriginalContext,
            ["rope_type"] = "llama3",
        },
        _ => new JsonObject { ["factor"] = Real(scaling.Factor), ["rope_type"] = "linear" },
    };

    /// <summary>A number with a point or an exponent: readers that check types take one without for an integer.</summary>
    private static JsonNode Real(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return JsonNode.Parse(text.AsSpan().ContainsAny('.', 'E') ? text : text + ".0")!;
    }

    private static void Write(string folder, string name, JsonObject content) =>
        AtomicFile.Write(Path.Combine(folder, name), stream => JsonSerializer.Serialize(stream, content, Readable));

    /// <summary>The values of an object, in errors by the file's path.</summary>
    private readonly record struct Reader(string Path, JsonElement Json)
    {
        public bool IsThere(string key) => Json.TryGetProperty(key, out _);

        public bool Has(string key) => Find(key) is not null;

        public Reader? Inner(string key) => Find(key) switch
        {
            null => null,
            { ValueKind: JsonValueKind.Object } inner => new Reader(Path, inner),
            var other => throw Wrong(key, other.Value, "an object"),
        };

        public string? Text(string key) => Find(key) switch
        {
            null => null,
            { ValueKind: JsonValueKind.String } text => text.GetString(),
            var other => throw Wrong(key, other.Value, "a text"),
        };

        public bool Flag(string key) => Find(key) switch
        {
            null => false,
            { ValueKind: JsonValueKind.True or JsonValueKind.False } flag => flag.GetBoolean(),
            var other => throw Wrong(key, other.Value, "true or false"),
        };

        public double? Number(string key) => Find(key) switch
        {
            null => null,
            { ValueKind: JsonValueKind.Number } number => number.GetDouble(),
            var other => throw Wrong(key, other.Value, "a number"),
        };

        public int? Count(string key) =>
            Find(key) is not { } value ? null
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) && count > 0 ? count
            : throw Wrong(key, value, "a count");

        public int Needed(string key) => Count(key) ?? throw new CheckpointException($"{Path}: {key} is missing.");

        /// <summary>An id, the first of several; -1 says that there is none.</summary>
        public int? Token(string key)
        {
            if (Find(key) is not { } value)
                return null;
            var first = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 ? value[0] : value;
            if (first.ValueKind != JsonValueKind.Number || !first.TryGetInt32(out var id))
                throw Wrong(key, value, "an id");
            return id < 0 ? null : id;
        }

        private JsonElement? Find(string key) => Json.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

        private CheckpointException Wrong(string key, JsonElement value, string wanted) => new($"{Path}: {key} is {value.GetRawText()}, not {wanted}.");
    }
}
