using static TorchSharp.torch;

namespace Align.Model;

/// <summary>Continues prompts with a model.</summary>
public static class Sampler
{
    /// <summary>Continues each prompt until the model ends the text (by its end token, or by the token that begins another), the options' number of tokens is reached, or the context is full.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompts">The ids of each prompt, one or more.</param>
    /// <param name="options">How tokens are drawn.</param>
    /// <param name="generator">Where randomness comes from: equal generators draw equal tokens.</param>
    /// <param name="mixed">Another model of the same vocabulary whose logits are mixed in, and their share: a geometric mixture of both distributions.</param>
    /// <returns>int64 [prompt token]: prompts with what follows, the token that ended a text included, padded on the right; and int64 [prompt], how many tokens of each row are not padding.</returns>
    public static (Tensor Ids, Tensor Lengths) Generate(Llama model, IReadOnlyList<int[]> prompts, SamplingOptions options, Generator generator, (Llama Model, double Share)? mixed = null)
    {
        Validate(model.Config, prompts, options);
        using var off = no_grad();
        using var scope = NewDisposeScope();
        using var cache = new KeyValueCache(model, prompts.Count);
        using var otherCache = mixed is { Model: var mixedModel } ? new KeyValueCache(mixedModel, prompts.Count) : null;
        var draw = new Draw(options, generator);
        var rows = prompts.Select(p => new List<int>(p)).ToArray();
        List<int> active = [.. Enumerable.Range(0, rows.Length).Where(r => MayGrow(r))];
        if (active.Count < rows.Length)
            Keep(active);
        for (var first = true; active.Count > 0; first = false)
        {
            int[] drawn;
            using (NewDisposeScope())
            {
                // The whole prompts at first, then one token a step.
                var read = active.Select(r => first ? prompts[r] : [rows[r][^1]]).ToArray();
                var (ids, counts) = (Padded(read, model), (int[])[.. read.Select(r => r.Length)]);
                var logits = model.Step(ids, cache, counts);
                if (mixed is { } other)
                    logits = logits.lerp(other.Model.Step(ids, otherCache!, counts).to(logits.dtype), tensor(other.Share, dtype: logits.dtype, device: logits.device));
                drawn = draw.Next(logits);
            }

            for (var i = 0; i < active.Count; i++)
                rows[active[i]].Add(drawn[i]);
            var kept = Enumerable.Range(0, active.Count).Where(i => drawn[i] != model.Config.End && drawn[i] != model.Config.Beginning && MayGrow(active[i])).ToArray();
            if (kept.Length is > 0 && kept.Length < active.Count)
                Keep(kept);
            active = [.. kept.Select(i => active[i])];
        }

        return (
            Padded(rows, model).MoveToOuterDisposeScope(),
            tensor([.. rows.Select(r => (long)r.Count)], device: model.Device).MoveToOuterDisposeScope());

        void Keep(IReadOnlyList<int> kept)
        {
            cache.Keep(kept);
            otherCache?.Keep(kept);
        }

        bool MayGrow(int row) => rows[row].Count < Math.Min(prompts[row].Length + (long)options.MaximumTokens, model.Config.ContextLength);
    }

    private static void Validate(LlamaConfig config, IReadOnlyList<int[]> prompts, SamplingOptions options)
    {
        if (prompts.Count == 0)
            throw new ArgumentException("There are no prompts.", nameof(prompts));
        for (var i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Length == 0)
                throw new ArgumentException($"Prompt {i} has no tokens: begin it with the token that begins a text.", nameof(prompts));
            if (prompts[i].Length > config.ContextLength)
                throw new ArgumentException($"Prompt {i} is {prompts[i].Length} tokens long; the model's context is {config.ContextLength}.", nameof(prompts));
            foreach (var id in prompts[i])
            {
                if (id < 0 || id >= config.Vocabulary)
                    throw new ArgumentException($"Prompt {i} has the id {id}; the vocabulary has {config.Vocabulary}.", nameof(prompts));
            }
        }

        if (!(options.Temperature >= 0) || options.TopK < 0 || !(options.TopP is > 0 and <= 1) || options.MaximumTokens < 0)
            throw new ArgumentException($"{options}: the temperature and counts are 0 or more, and TopP is above 0 and at most 1.", nameof(options));
    }

    private static Tensor Padded(IReadOnlyList<IReadOnlyList<int>> rows, Llama model)
    {
        var tokens = rows.Max(r => r.Count);
        var ids = new long[rows.Count * tokens];
        Array.Fill(ids, model.Config.Padding ?? model.Config.End ?? 0);
        for (var row = 0; row < rows.Count; row++)
        {
            for (var token = 0; token < rows[row].Count; token++)
                ids[row * tokens + token] = rows[row][token];
        }

        return tensor(ids, [rows.Count, tokens], device: model.Device);
    }
}
