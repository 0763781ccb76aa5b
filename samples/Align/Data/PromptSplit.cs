namespace Align.Data;

/// <summary>Splits examples into those to learn from and those held out, by prompt: a prompt is never on both sides.</summary>
internal static class PromptSplit
{
    /// <summary>Both parts, in the order of the examples.</summary>
    /// <param name="examples">All examples.</param>
    /// <param name="prompt">The prompt of an example.</param>
    /// <param name="heldOutShare">The share of prompts to hold out; at least one prompt is, where there are two.</param>
    /// <param name="seed">Which prompts are held out follows from it.</param>
    public static (List<T> Train, List<T> HeldOut) Of<T>(IReadOnlyList<T> examples, Func<T, string> prompt, double heldOutShare, int seed)
    {
        var prompts = examples.Select(prompt).Distinct(StringComparer.Ordinal).ToArray();
        new Random(seed).Shuffle(prompts);
        var count = heldOutShare <= 0 || prompts.Length < 2 ? 0 : Math.Clamp((int)Math.Round(heldOutShare * prompts.Length), 1, prompts.Length - 1);
        var heldOut = prompts.Take(count).ToHashSet(StringComparer.Ordinal);
        return ([.. examples.Where(e => !heldOut.Contains(prompt(e)))], [.. examples.Where(e => heldOut.Contains(prompt(e)))]);
    }
}
