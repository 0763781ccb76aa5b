using Align.Model;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Harness;

/// <summary>Models of a few thousand weights, large enough to tell every axis from every other.</summary>
internal static class SmallModels
{
    public static readonly LlamaConfig Grouped = new()
    {
        Vocabulary = 29,
        Width = 24,
        Layers = 2,
        Heads = 6,
        KeyValueHeads = 2,
        HiddenWidth = 20,
        ContextLength = 32,
    };

    public static readonly LlamaConfig Tied = Grouped with { Heads = 2, TiedHead = true, HeadWidth = 8, RopeBase = 500, NormEpsilon = 1e-3 };

    public static readonly LlamaConfig Biased = Grouped with { AttentionBias = AttentionBias.QueryKeyValue };

    public static readonly LlamaConfig AllBiased = Tied with { AttentionBias = AttentionBias.All, RopeScaling = new RopeScaling(4) { Bands = (1, 4, 16) } };

    /// <summary>Configurations by name.</summary>
    public static readonly IReadOnlyDictionary<string, LlamaConfig> All = new Dictionary<string, LlamaConfig>
    {
        [nameof(Grouped)] = Grouped,
        [nameof(Tied)] = Tied,
        [nameof(Biased)] = Biased,
        [nameof(AllBiased)] = AllBiased,
    };

    /// <summary>A model whose weights are far from their small beginnings, so that every part of it shows in the logits.</summary>
    public static Llama Random(LlamaConfig config, ScalarType dtype = ScalarType.Float64, ulong seed = 5)
    {
        using var generator = new Generator(seed);
        var model = new Llama(config, generator, dtype);
        using var off = no_grad();
        foreach (var (name, parameter) in model.named_parameters())
            parameter.normal_(name.EndsWith("norm.weight", StringComparison.Ordinal) ? 1 : 0, 0.3, generator);
        return model;
    }

    /// <summary>Ids that repeat for equal seeds.</summary>
    public static Tensor Ids(LlamaConfig config, int rows, int tokens, int seed = 1)
    {
        var random = new Random(seed);
        return tensor([.. Enumerable.Range(0, rows * tokens).Select(_ => (long)random.Next(config.Vocabulary))], [rows, tokens]);
    }
}
