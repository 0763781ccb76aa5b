using Align.Data;
using Align.Model;
using Align.Tokenizers;
using TorchSharp;

namespace Align.Reinforcement;

/// <summary>Prompts to sample responses for.</summary>
internal static class Prompts
{
    /// <summary>A prompt a line of a file.</summary>
    public static IReadOnlyList<int[]> Read(string path, ITokenizer tokenizer)
    {
        try
        {
            var encoder = new PairEncoder(tokenizer, int.MaxValue);
            int[][] prompts = [.. File.ReadLines(path).Where(l => l.Length > 0).Distinct(StringComparer.Ordinal).Select(encoder.Prompt)];
            return prompts.Length > 1 ? prompts : throw new DataException($"{path}: two prompts are needed at least, one a line.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path}: {exception.Message}");
        }
    }

    /// <summary>Beginnings of the model's own texts, where none are given: different ones, of some words each.</summary>
    public static IReadOnlyList<int[]> Own(Llama model, ITokenizer tokenizer, int count, int length, torch.Generator generator)
    {
        if (tokenizer.Beginning is not { } beginning)
            throw new DataException("The model has no token for the beginning of text, so it cannot begin texts of its own: give --prompts.");
        var prompts = new Dictionary<string, int[]>(StringComparer.Ordinal);
        for (var round = 0; prompts.Count < count && round < 50; round++)
        {
            var starts = Enumerable.Repeat<int[]>([beginning], 128).ToArray();
            foreach (var response in Rollout.Of(model, tokenizer, starts, new SamplingOptions { MaximumTokens = length }, generator))
            {
                if (response.Tokens.Length == length && response.Tokens[^1] != tokenizer.End && response.Tokens[^1] != beginning)
                    prompts.TryAdd(response.Text, [beginning, .. response.Tokens]);
            }
        }

        return prompts.Count >= 2 ? [.. prompts.Values.Take(count)] : throw new DataException("The model's own texts are too short to be prompts: give --prompts.");
    }
}
