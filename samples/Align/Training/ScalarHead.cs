using Align.Checkpoints;
using Align.Model;
using Align.Tokenizers;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>A model with one number at each place in the place of logits, or beside them: a reward, or a critic's value.</summary>
internal sealed class ScalarHead : nn.Module<Tensor, Tensor>
{
    private const string HeadFile = "score.safetensors";
    private readonly Llama body;
    private readonly Linear score;

    /// <summary>A head with small random weights, of deviation <c>1 / sqrt(width + 1)</c> (Stiennon et al. 2020), or of zeros, on a model.</summary>
    public ScalarHead(Llama body, int? seed) : base("scalar_head")
    {
        this.body = body;
        score = nn.Linear(body.Config.Width, 1, hasBias: false, device: body.Device, dtype: body.DType);
        using (no_grad())
        using (var weights = Weights(body.Config.Width, seed))
            score.weight!.copy_(weights);

        RegisterComponents();
    }

    /// <summary>The model below.</summary>
    public Llama Body => body;

    /// <summary>The number at each place, [row token].</summary>
    public override Tensor forward(Tensor ids) => Of(body.Hidden(ids));

    /// <summary>A copy, on a body of its own that does not learn.</summary>
    public ScalarHead Copy()
    {
        var copy = new ScalarHead(body.Copy(), null);
        using var off = no_grad();
        copy.score.weight!.copy_(score.weight!);
        return copy;
    }

    /// <summary>The number at each place, of what the head reads there, [... width].</summary>
    public Tensor Of(Tensor hidden) => score.forward(hidden).squeeze(-1);

    private static Tensor Weights(int width, int? seed)
    {
        var random = seed is { } start ? new Random(start) : null;
        return tensor(Enumerable.Range(0, width).Select(_ => random is null ? 0 : Normal(random) / Math.Sqrt(width + 1)).ToArray(), [1, width]);
    }

    /// <summary>A normal number (Box and Muller 1958).</summary>
    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>Saves the model as a folder that others read, and the head beside it.</summary>
    public void Save(string folder, ITokenizer tokenizer)
    {
        Checkpoint.SaveHuggingFace(folder, body, tokenizer);
        SafeTensors.Write(Path.Combine(folder, HeadFile), new Dictionary<string, Tensor> { ["score.weight"] = score.weight! });
    }

    /// <summary>Whether a folder holds a model with a head.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, HeadFile));

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public static (ScalarHead Head, ITokenizer Tokenizer) Load(string folder, Device? device = null)
    {
        var path = Path.Combine(folder, HeadFile);
        if (!File.Exists(path))
            throw new CheckpointException($"{folder}: there is no {HeadFile}, so it is no reward model. `align reward` makes one.");
        var (body, tokenizer) = Checkpoint.Load(folder, device: device);
        var head = new ScalarHead(body, null);
        using var none = no_grad();
        using var scope = NewDisposeScope();
        if (!SafeTensors.Read(path).TryGetValue("score.weight", out var weight) || !weight.shape.SequenceEqual(head.score.weight!.shape))
            throw new CheckpointException($"{path}: there is no score.weight of [1 {body.Config.Width}].");
        head.score.weight.copy_(weight);
        return (head, tokenizer);
    }
}
