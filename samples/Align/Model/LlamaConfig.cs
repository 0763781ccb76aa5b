namespace Align.Model;

/// <summary>The sizes of a Llama decoder.</summary>
public sealed record LlamaConfig
{
    /// <summary>How many tokens there are.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The width of the residual stream.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>The number of key and value heads, each shared by a group of query heads (grouped-query attention).</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>The width between the two projections of a feed-forward layer.</summary>
    public required int HiddenWidth { get; init; }

    /// <summary>The longest sequence in tokens.</summary>
    public required int ContextLength { get; init; }

    /// <summary>The width of one head; <see cref="Width"/> over <see cref="Heads"/> unless set.</summary>
    public int HeadWidth
    {
        get => field > 0 ? field : Width / Math.Max(1, Heads);
        init;
    }

    /// <summary>The base of the rotary embedding's wavelengths.</summary>
    public double RopeBase { get; init; } = 10_000;

    /// <summary>How the rotary embedding is stretched; null where it is not.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>What is added to the mean square under the root of a norm.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Which projections of attention have a bias.</summary>
    public AttentionBias AttentionBias { get; init; }

    /// <summary>Whether the head is the embedding.</summary>
    public bool TiedHead { get; init; }

    /// <summary>The token that begins a text.</summary>
    public int? Beginning { get; init; }

    /// <summary>The token that ends a text.</summary>
    public int? End { get; init; }

    /// <summary>The token that fills a batch's shorter rows.</summary>
    public int? Padding { get; init; }

    /// <summary>The number of weights.</summary>
    public long Parameters
    {
        get
        {
            long block = 2L * Width + 2L * Width * HeadWidth * (Heads + KeyValueHeads) + 3L * Width * HiddenWidth;
            block += AttentionBias == AttentionBias.None ? 0 : HeadWidth * (Heads + 2L * KeyValueHeads);
            block += AttentionBias == AttentionBias.All ? Width : 0;
            return (TiedHead ? 1L : 2L) * Vocabulary * Width + Layers * block + Width;
        }
    }

    /// <summary>Says what cannot be built.</summary>
    /// <exception cref="ArgumentException">A size is not positive, or the sizes do not go together.</exception>
    public void Validate()
    {
        foreach (var (name, size) in new[]
        {
            (nameof(Vocabulary), Vocabulary), (nameof(Width), Width), (nameof(Layers), Layers), (nameof(Heads), Heads),
            (nameof(KeyValueHeads), KeyValueHeads), (nameof(HiddenWidth), HiddenWidth), (nameof(ContextLength), ContextLength), (nameof(HeadWidth), HeadWidth),
        })
        {
            if (size <= 0)
                throw new ArgumentException($"{name} is {size}; it must be positive.");
        }

        if (Heads % KeyValueHeads != 0)
            throw new ArgumentException($"{Heads} query heads cannot share {KeyValueHeads} key and value heads evenly.");
        if (HeadWidth % 2 != 0)
            throw new ArgumentException($"A head is {HeadWidth} wide; the rotary embedding turns pairs, so the width must be even.");
        if (!(RopeBase > 0) || !(NormEpsilon >= 0))
            throw new ArgumentException($"RopeBase is {RopeBase} and NormEpsilon {NormEpsilon}; the first must be positive, the second not negative.");
    }
}
