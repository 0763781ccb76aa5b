using static TorchSharp.torch;

namespace Align.Model;

/// <summary>
/// A decoder of the Llama family (Touvron et al. 2023). Parameters have Hugging Face's names without the leading <c>model.</c>, and its layout of
/// rotary pairs.
/// </summary>
public sealed class Llama : nn.Module<Tensor, Tensor>
{
    /// <summary>The deviation of random weights.</summary>
    internal const double InitialDeviation = 0.02;

    private readonly Rotary rotary;
    private readonly Projection embedding;
    private readonly Block[] blocks;
    private readonly RootMeanSquareNorm norm;
    private readonly Projection? head;

    /// <summary>A model with random weights: normal with deviation 0.02, and smaller by the root of the number of additions to the residual stream where a layer adds to it (Radford et al. 2019).</summary>
    /// <param name="config">The sizes.</param>
    /// <param name="generator">Where the weights come from; torch's default generator if null.</param>
    /// <param name="dtype">The dtype of weights and activations.</param>
    /// <param name="device">Where the weights are; the CPU if null.</param>
    public Llama(LlamaConfig config, Generator? generator = null, ScalarType dtype = ScalarType.Float32, Device? device = null) : this(config, dtype, device)
    {
        using var off = no_grad();
        foreach (var (name, parameter) in named_parameters())
        {
            if (name.EndsWith("norm.weight", StringComparison.Ordinal) || name.EndsWith(".bias", StringComparison.Ordinal))
                continue;
            var adds = name.EndsWith("o_proj.weight", StringComparison.Ordinal) || name.EndsWith("down_proj.weight", StringComparison.Ordinal);
            parameter.normal_(0, adds ? InitialDeviation / Math.Sqrt(2.0 * config.Layers) : InitialDeviation, generator);
        }
    }

    private Llama(LlamaConfig config, ScalarType dtype, Device? device) : base("llama")
    {
        config.Validate();
        Config = config;
        rotary = new Rotary(config);
        register_module("embed_tokens", embedding = new Projection(config.Width, config.Vocabulary, dtype, device));
        blocks = new Block[config.Layers];
        for (var i = 0; i < blocks.Length; i++)
            blocks[i] = new Block(config, dtype, device);
        register_module("layers", nn.ModuleList<nn.Module>([.. blocks]));
        register_module("norm", norm = new RootMeanSquareNorm(config.Width, config.NormEpsilon, dtype, device));
        if (!config.TiedHead)
            register_module("lm_head", head = new Projection(config.Width, config.Vocabulary, dtype, device));
    }

    /// <summary>The sizes.</summary>
    public LlamaConfig Config { get; }

    /// <summary>The dtype of weights and activations.</summary>
    public ScalarType DType => embedding.Weight.dtype;

    /// <summary>Where the weights are.</summary>
    public Device Device => embedding.Weight.device;

    /// <summary>A model whose weights a checkpoint sets.</summary>
    internal static Llama Unset(LlamaConfig config, ScalarType dtype, Device? device) => new(config, dtype, device);

    /// <summary>The logits of every position. Attention is causal, so rows padded on the right need no mask: their real tokens do not see the padding.</summary>
    /// <param name="ids">int64 [batch token].</param>
    /// <returns>[batch token vocabulary].</returns>
    public override Tensor forward(Tensor ids)
    {
        using var scope = NewDisposeScope();
        return Head(Hidden(ids)).MoveToOuterDisposeScope();
    }

    /// <summary>The stream after the last norm, which the head reads.</summary>
    /// <param name="ids">int64 [batch token].</param>
    /// <returns>[batch token width].</returns>
    public Tensor Hidden(Tensor ids)
    {
        if (ids.dim() != 2 || ids.dtype != ScalarType.Int64)
            throw new ArgumentException($"ids are {ids.dtype} [{string.Join(' ', ids.shape)}], not int64 [batch token].", nameof(ids));
        var length = ids.shape[1];
        if (length > Config.ContextLength)
            throw new ArgumentException($"ids are {length} tokens long; the model's context is {Config.ContextLength}.", nameof(ids));
        using var scope = NewDisposeScope();
        var (cosines, sines) = rotary.Table(length, DType, Device);
        return Apply(ids, new Positions(cosines, sines), null).MoveToOuterDisposeScope();
    }

    /// <summary>The logits of some positions.</summary>
    /// <param name="hidden">[... width].</param>
    /// <returns>[... vocabulary].</returns>
    public Tensor Head(Tensor hidden) => nn.functional.linear(hidden, (head ?? embedding).Weight);

    /// <summary>Reads the next tokens of each row and says what may follow. Nothing is recorded for gradients.</summary>
    /// <param name="ids">int64 [row token], padded on the right.</param>
    /// <param name="cache">What was read before, to which the tokens are added.</param>
    /// <param name="counts">How many of a row's tokens are not padding, 1 or more; null for all.</param>
    /// <returns>The logits of each row's last token, [row vocabulary].</returns>
    public Tensor Step(Tensor ids, KeyValueCache cache, IReadOnlyList<int>? counts = null)
    {
        var (rows, tokens) = ((int)ids.shape[0], (int)ids.shape[1]);
        counts ??= [.. Enumerable.Repeat(tokens, rows)];
        if (cache.Lengths.Count != rows || counts.Count != rows)
            throw new ArgumentException($"ids have {rows} rows, the cache {cache.Lengths.Count}, counts {counts.Count}.", nameof(ids));
        using var off = no_grad();
        using var scope = NewDisposeScope();
        var positions = After(cache, tokens, counts);
        var hidden = Apply(ids, positions, cache);
        cache.Advance(counts);
        using var last = tensor([.. counts.Select((count, row) => (long)row * tokens + count - 1)], device: Device);
        return Head(hidden.view(-1, Config.Width).index_select(0, last)).MoveToOuterDisposeScope();
    }

    /// <summary>A copy that does not learn: the reference model.</summary>
    public Llama Copy()
    {
        var copy = new Llama(Config, DType, Device);
        using var off = no_grad();
        foreach (var (mine, its) in parameters().Zip(copy.parameters()))
            its.copy_(mine);
        foreach (var parameter in copy.parameters())
            parameter.requires_grad_(false);
        copy.eval();
        return copy;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            rotary.Dispose();
        base.Dispose(disposing);
    }

    private Tensor Apply(Tensor ids, in Positions positions, KeyValueCache? cache)
    {
        var stream = embedding.Weight.index_select(0, ids.flatten()).view(ids.shape[0], ids.shape[1], Config.Width);
        for (var i = 0; i < blocks.Length; i++)
            stream = blocks[i].Apply(stream, positions, cache?[i]);
        return norm.call(stream);
    }

    /// <summary>The positions of tokens that follow each row of a cache.</summary>
    private Positions After(KeyValueCache cache, int tokens, IReadOnlyList<int> counts)
    {
        var longest = 0;
        var places = new long[counts.Count * tokens];
        for (var row = 0; row < counts.Count; row++)
        {
            if (counts[row] < 1 || counts[row] > tokens)
                throw new ArgumentException($"Row {row} counts {counts[row]} tokens of {tokens}.", nameof(counts));
            longest = Math.Max(longest, cache.Lengths[row] + counts[row]);
            for (var token = 0; token < tokens; token++)
                places[row * tokens + token] = cache.Lengths[row] + token;
        }

        if (longest > Config.ContextLength)
            throw new ArgumentException($"With these tokens a row is {longest} long; the model's context is {Config.ContextLength}.", nameof(counts));
        var keys = cache.Reserve(tokens, DType, Device);
        var flat = tensor(places, device: Device);
        var (cosines, sines) = rotary.Table(keys, DType, Device);
        long[] shape = [counts.Count, 1, tokens, Config.HeadWidth];
        var place = flat.view(counts.Count, 1, tokens, 1);
        return new Positions(
            cosines.index_select(0, flat).view(shape),
            sines.index_select(0, flat).view(shape),
            cache.Places(keys, Device) <= place,
            place,
            keys);
    }
}
