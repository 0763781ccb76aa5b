namespace Align.Corpus;

/// <summary>
/// Small stories from a grammar: an opening sentence, which serves as the prompt, and two to four sentences of which each is cheerful, gloomy or
/// neither. It is a corpus that fits into the sample and whose properties can be checked exactly; nobody should mistake it for language.
/// </summary>
internal static class Grammar
{
    private static readonly string[] Adjectives = ["old", "young", "little", "clever", "lazy", "brave", "quiet", "hungry"];
    private static readonly string[] Animals = ["fox", "bear", "cat", "dog", "owl", "mouse", "frog", "rabbit", "duck", "goat"];
    private static readonly string[] Motions = ["walked to", "ran to", "looked at", "came from"];
    private static readonly string[] Places = ["the river", "the forest", "the hill", "the garden", "the bridge", "the village"];

    private static readonly string[][][] Plain =
    [
        [["it saw", "it found", "it took"], ["a"], ["red", "blue", "round", "long", "small"], ["ball", "stone", "leaf", "stick", "box"]],
        [["it met", "it saw"], ["another"], Animals],
        [["the wind blew", "the sun shone", "the rain fell"]],
    ];

    private static readonly string[][][] Cheerful =
    [
        [["it smiled", "it laughed", "it sang"], ["with joy", "all day"]],
        [["it felt"], ["happy", "glad", "proud"]],
        [["it made"], ["a"], ["good", "kind"], ["friend"]],
    ];

    private static readonly string[][][] Gloomy =
    [
        [["it cried", "it hid", "it sat"], ["alone", "in fear"]],
        [["it felt"], ["sad", "angry", "lost"]],
        [["it lost"], ["a"], ["good", "kind"], ["friend"]],
    ];

    private static readonly string[][] Openings = [["the"], Adjectives, Animals, Motions, Places];

    /// <summary>Every word, and the full stop.</summary>
    public static IReadOnlyList<string> Words { get; } =
        [.. Openings.Concat(Plain.Concat(Cheerful).Concat(Gloomy).SelectMany(s => s)).SelectMany(slot => slot).SelectMany(w => w.Split(' ')).Append(".").Distinct().Order(StringComparer.Ordinal)];

    /// <summary>An opening sentence.</summary>
    public static string Prompt(Random random) => Sentence(Openings, random);

    /// <summary>What follows an opening.</summary>
    /// <param name="random">Where chance comes from.</param>
    /// <param name="cheer">The share of cheerful sentences among those with a mood.</param>
    public static string Continuation(Random random, double cheer)
    {
        var sentences = Enumerable.Range(0, random.Next(2, 5)).Select(_ =>
        {
            var kind = random.NextDouble() < 0.5 ? Plain : random.NextDouble() < cheer ? Cheerful : Gloomy;
            return Sentence(kind[random.Next(kind.Length)], random);
        });
        return string.Join(' ', sentences);
    }

    /// <summary>Cheerful sentences less gloomy ones.</summary>
    public static int Cheer(string continuation) => Sentences(continuation).Sum(s => Matches(s, Cheerful) ? 1 : Matches(s, Gloomy) ? -1 : 0);

    /// <summary>Whether every sentence is one of the grammar's, and the last one is complete.</summary>
    public static bool IsGrammatical(string continuation) =>
        continuation.EndsWith(" .", StringComparison.Ordinal) && Sentences(continuation).All(s => Matches(s, Plain) || Matches(s, Cheerful) || Matches(s, Gloomy));

    private static IEnumerable<string> Sentences(string text) =>
        text.Split('.', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static string Sentence(string[][] slots, Random random) => string.Join(' ', slots.Select(s => s[random.Next(s.Length)])) + " .";

    private static bool Matches(string sentence, string[][][] templates) => templates.Any(t => Matches(sentence, t, 0));

    private static bool Matches(ReadOnlySpan<char> rest, string[][] slots, int slot)
    {
        if (slot == slots.Length)
            return rest.Length == 0;
        foreach (var words in slots[slot])
        {
            if (!rest.StartsWith(words, StringComparison.Ordinal))
                continue;
            var after = rest[words.Length..];
            if (after.Length == 0 ? slot == slots.Length - 1 : after[0] == ' ' && Matches(after[1..], slots, slot + 1))
                return true;
        }

        return false;
    }
}
