using System.Buffers.Binary;
using Align.Model;
using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>
/// Checkpoints of llama2.c, version 0: seven little-endian int32 (width, hidden width, layers, heads, key and value heads, vocabulary, context), then
/// float32 weights. A negative vocabulary says that the head is not the embedding.
/// </summary>
internal static class Llama2C
{
    private const int HeaderBytes = 7 * sizeof(int);
    private const int Magic = 0x616b3432;

    // What the program llama2.c has fixed.
    private const int Beginning = 1;
    private const int End = 2;
    private const double RopeBase = 10_000;

    /// <summary>Reads a model.</summary>
    /// <exception cref="CheckpointException">The file is not such a checkpoint, or is damaged.</exception>
    public static Llama Read(string path, ScalarType dtype, Device? device)
    {
        using var file = MappedFile.Open(path);
        var config = Header(file);
        var model = Llama.Unset(config, dtype, device);
        using var off = no_grad();
        using var scope = NewDisposeScope();
        long at = HeaderBytes;
        foreach (var (name, shape) in Order(config))
        {
            using var step = NewDisposeScope();
            var values = empty(shape, ScalarType.Float32);
            at = file.CopyTo(values, at);
            if (name is not null)
                model.get_parameter(name)!.copy_(IsTurned(name) ? RotaryLayout.ToHalves(values, config.HeadWidth) : values);
        }

        return model;
    }

    /// <summary>Writes a model as llama2.c reads it.</summary>
    public static void Write(string path, Llama model)
    {
        var config = model.Config;
        if (config.HeadWidth * config.Heads != config.Width)
            throw new CheckpointException($"{path}: llama2.c has heads that are {config.Width} / {config.Heads} wide, not {config.HeadWidth}.");
        if (config.AttentionBias != AttentionBias.None)
            throw new CheckpointException($"{path}: llama2.c has no biases.");
        if (config.RopeBase != RopeBase || config.RopeScaling is not null)
            throw new CheckpointException($"{path}: llama2.c has a rotary embedding of base {RopeBase}, not stretched.");
        using var off = no_grad();
        AtomicFile.Write(path, stream =>
        {
            Span<byte> header = stackalloc byte[HeaderBytes];
            int[] sizes =
            [
                config.Width, config.HiddenWidth, config.Layers, config.Heads, config.KeyValueHeads,
                config.TiedHead ? config.Vocabulary : -config.Vocabulary, config.ContextLength,
            ];
            for (var i = 0; i < sizes.Length; i++)
                BinaryPrimitives.WriteInt32LittleEndian(header[(i * sizeof(int))..], sizes[i]);
            stream.Write(header);
            using var angles = Angles(config);
            var skipped = 0;
            foreach (var (name, _) in Order(config))
            {
                using var step = NewDisposeScope();
                var values = name is null ? angles[skipped++] : model.get_parameter(name)!.detach().to(ScalarType.Float32).cpu();
                TensorBytes.Write(stream, name is not null && IsTurned(name) ? RotaryLayout.ToPairs(values, config.HeadWidth) : values);
            }
        });
    }

    private static LlamaConfig Header(MappedFile file)
    {
        if (file.Length < HeaderBytes)
            throw new CheckpointException($"{file.Path}: {file.Length} bytes are too few for the header of a llama2.c checkpoint.");
        var sizes = new int[7];
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] = BinaryPrimitives.ReadInt32LittleEndian(file.Bytes(i * sizeof(int), sizeof(int)));
        if (sizes[0] == Magic)
            throw new CheckpointException($"{file.Path}: a llama2.c checkpoint of version {sizes[1]}; version 0 is read: export it with --version 0.");
        var config = new LlamaConfig
        {
            Width = sizes[0],
            HiddenWidth = sizes[1],
            Layers = sizes[2],
            Heads = sizes[3],
            KeyValueHeads = sizes[4],
            Vocabulary = sizes[5] == int.MinValue ? 0 : Math.Abs(sizes[5]),
            TiedHead = sizes[5] > 0,
            ContextLength = sizes[6],
            Beginning = Beginning,
            End = End,
        };
        try
        {
            if (config.Heads > 0 && config.Width % config.Heads != 0)
                throw new ArgumentException($"{config.Heads} heads do not divide a width of {config.Width}.");
            config.Validate();
        }
        catch (ArgumentException exception)
        {
            throw new CheckpointException($"{file.Path}: not a llama2.c checkpoint: {exception.Message}", exception);
        }

        var needed = Needed(config);
        if ((UInt128)file.Length != needed)
            throw new CheckpointException($"{file.Path}: {file.Length} bytes, but the sizes in its header need {needed}: it is damaged, or not a llama2.c checkpoint.");
        return config;
    }

    /// <summary>The bytes of a checkpoint. A header of nonsense may ask for more than 64 bits count.</summary>
    private static UInt128 Needed(LlamaConfig config)
    {
        UInt128 floats = 0;
        foreach (var (name, shape) in Order(config with { Layers = 1 }))
        {
            var times = name is not null && name.StartsWith("layers.", StringComparison.Ordinal) ? config.Layers : 1;
            floats += shape.Aggregate((UInt128)times, (product, extent) => product * (ulong)extent);
        }

        return HeaderBytes + sizeof(float) * floats;
    }

    /// <summary>The tensors in the order of the file; null for those that are not weights.</summary>
    private static IEnumerable<(string? Name, long[] Shape)> Order(LlamaConfig config)
    {
        long width = config.Width, shared = (long)config.KeyValueHeads * config.HeadWidth, hidden = config.HiddenWidth;
        long[] angles = [config.ContextLength, config.HeadWidth / 2];
        (string, long[])[] layer =
        [
            ("input_layernorm", [width]),
            ("self_attn.q_proj", [width, width]),
            ("self_attn.k_proj", [shared, width]),
            ("self_attn.v_proj", [shared, width]),
            ("self_attn.o_proj", [width, width]),
            ("post_attention_layernorm", [width]),
            ("mlp.gate_proj", [hidden, width]),
            ("mlp.down_proj", [width, hidden]),
            ("mlp.up_proj", [hidden, width]),
        ];
        yield return ("embed_tokens.weight", [config.Vocabulary, width]);
        foreach (var (name, shape) in layer)
        {
            for (var i = 0; i < config.Layers; i++)
                yield return ($"layers.{i}.{name}.weight", shape);
        }

        yield return ("norm.weight", [width]);
        yield return (null, angles);
        yield return (null, angles);
        if (!config.TiedHead)
            yield return ("lm_head.weight", [config.Vocabulary, width]);
    }

    private static bool IsTurned(string name) => name.EndsWith("q_proj.weight", StringComparison.Ordinal) || name.EndsWith("k_proj.weight", StringComparison.Ordinal);

    /// <summary>The cosines and sines that old readers of these files look up.</summary>
    private static Tensor Angles(LlamaConfig config)
    {
        var half = config.HeadWidth / 2;
        var values = new float[2, config.ContextLength, half];
        for (var position = 0; position < config.ContextLength; position++)
        {
            for (var i = 0; i < half; i++)
            {
                var (sin, cos) = Math.SinCos(position * Math.Pow(config.RopeBase, -2.0 * i / config.HeadWidth));
                (values[0, position, i], values[1, position, i]) = ((float)cos, (float)sin);
            }
        }

        return tensor(values);
    }
}
