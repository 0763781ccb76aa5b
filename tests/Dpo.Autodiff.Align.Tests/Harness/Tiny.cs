using Align.Data;
using Align.Model;
using Align.Tokenizers;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Harness;

/// <summary>The smallest things that can be trained.</summary>
internal static class Tiny
{
    public const int Vocabulary = 13;

    public static Llama Model(int seed, ScalarType dtype = ScalarType.Float32, bool learns = true)
    {
        using var generator = new Generator((ulong)seed);
        var model = new Llama(
            new LlamaConfig { Vocabulary = Vocabulary, Width = 16, Layers = 2, Heads = 4, KeyValueHeads = 2, HiddenWidth = 24, ContextLength = 32, Beginning = 0, End = 1 },
            generator,
            dtype);
        foreach (var parameter in model.parameters())
            parameter.requires_grad = learns;
        return model;
    }

    /// <summary>Pairs of random tokens, of different lengths.</summary>
    public static IReadOnlyList<EncodedPair> Pairs(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => new EncodedPair(Tokens(random.Next(1, 6)), Tokens(random.Next(1, 8)), Tokens(random.Next(1, 8))) { Gold = [4, 1] })];

        int[] Tokens(int length) => [.. Enumerable.Range(0, length).Select(_ => random.Next(2, Vocabulary))];
    }

    /// <summary>Every parameter of a model, in order.</summary>
    public static double[] Parameters(Llama model)
    {
        using var scope = NewDisposeScope();
        return [.. model.parameters().SelectMany(p => p.detach().to(ScalarType.Float64).flatten().data<double>())];
    }

    /// <summary>Words are numbers, and letters are not known.</summary>
    internal sealed class Digits : ITokenizer
    {
        public int Vocabulary => Tiny.Vocabulary;

        public int? Beginning => 0;

        public int? End => 1;

        public IReadOnlyList<int> Encode(string text, bool continues = false) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];

        public string Decode(IReadOnlyList<int> ids, bool continues = false) => string.Join(' ', ids);

        public void Save(string folder) => File.WriteAllText(Path.Combine(folder, "tokenizer.json"), "{}");
    }
}
