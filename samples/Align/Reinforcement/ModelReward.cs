using Align.Data;
using Align.Tokenizers;
using Align.Training;
using static TorchSharp.torch;

namespace Align.Reinforcement;

/// <summary>The score of a reward model that <c>align reward</c> has trained, with a tokenizer of its own.</summary>
internal sealed class ModelReward : IReward, IDisposable
{
    private readonly ScalarHead model;
    private readonly ITokenizer tokenizer;

    /// <summary>Reads the model.</summary>
    public ModelReward(string folder, Device device) => (model, tokenizer) = ScalarHead.Load(folder, device);

    /// <inheritdoc/>
    public string Name => "the reward model's score";

    /// <inheritdoc/>
    public double[] Of(IReadOnlyList<Response> responses)
    {
        using var none = no_grad();
        var scores = new List<double>();
        var encoder = new PairEncoder(tokenizer, model.Body.Config.ContextLength);
        foreach (var part in responses.Chunk(64))
        {
            using var scope = NewDisposeScope();
            var pairs = part.Select(r => encoder.Encode(new PreferencePair(r.PromptText, r.Text, "", ""))).ToArray();
            using var batch = PairBatch.Of(pairs, model.Body.Device);
            scores.AddRange(RewardTask.Scores(model, pairs, batch).Chosen.to(ScalarType.Float64).cpu().data<double>());
        }

        return [.. scores];
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();
}
