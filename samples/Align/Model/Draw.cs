using TorchSharp;
using static TorchSharp.torch;

namespace Align.Model;

/// <summary>Draws tokens from logits.</summary>
internal sealed class Draw(SamplingOptions options, Generator generator)
{
    // Scalars that live as long as the object: a temporary one may be finalised while the native call reads it.
    private readonly Scalar temperature = options.Temperature;
    private readonly Scalar topP = options.TopP;
    private readonly Scalar impossible = double.NegativeInfinity;

    /// <summary>One token of each row.</summary>
    /// <param name="logits">[row vocabulary].</param>
    public int[] Next(Tensor logits)
    {
        using var scope = NewDisposeScope();
        if (options.Temperature == 0)
            return Ids(logits.argmax(-1));
        var (values, ids) = Candidates(logits.to(ScalarType.Float32).div(temperature));
        var chosen = values.softmax(-1).multinomial(1, generator: generator);
        return Ids((ids is null ? chosen : ids.gather(-1, chosen)).squeeze(-1));
    }

    /// <summary>The logits to draw from, and the token of each; null where that is its place.</summary>
    private (Tensor Logits, Tensor? Ids) Candidates(Tensor logits)
    {
        var isCut = options.TopK > 0 && options.TopK < logits.shape[^1];
        if (!isCut && options.TopP >= 1)
            return (logits, null);
        var (sorted, ids) = isCut ? logits.topk(options.TopK) : logits.sort(-1, descending: true);
        if (options.TopP < 1)
        {
            // What comes before a token has the wanted probability already: it is not needed. The first is always kept.
            var probability = sorted.softmax(-1);
            sorted = sorted.masked_fill((probability.cumsum(-1) - probability).ge(topP), impossible);
        }

        return (sorted, ids);
    }

    private static int[] Ids(Tensor ids) => [.. ids.cpu().data<long>().Select(id => (int)id)];
}
