using System.Text.Json;

namespace Align.Data;

/// <summary>Rows of PandaLM's test set (Wang et al. 2023): two responses to an instruction, and labels by people, 0 for a tie, 1 or 2 for the better response.</summary>
internal static class PandaLm
{
    /// <summary>The pair of a row by the majority of its annotators, which may be for a tie; null where there is no majority.</summary>
    public static PreferencePair? Pair(JsonRow row)
    {
        var instruction = Text(row, "instruction", isNeeded: true);
        var input = Text(row, "input", isNeeded: false);
        var first = Text(row, "response1", isNeeded: true);
        var second = Text(row, "response2", isNeeded: true);
        var labels = row.Value.EnumerateObject().Where(p => p.Name.StartsWith("annotator", StringComparison.Ordinal)).Select(p => Label(row, p)).ToArray();
        if (labels.Length == 0)
            throw new DataException($"{row.Place}: there is no annotator (annotator1, annotator2, ...).");
        var prompt = input.Length == 0 ? $"{instruction}\n" : $"{instruction}\n{input}\n";
        return HasMajority(1) ? new PreferencePair(prompt, first, second, row.Place)
            : HasMajority(2) ? new PreferencePair(prompt, second, first, row.Place)
            : HasMajority(0) ? new PreferencePair(prompt, first, second, row.Place) { IsTie = true }
            : null;

        bool HasMajority(int label) => labels.Count(l => l == label) * 2 > labels.Length;
    }

    /// <summary>A text; some responses of the published file are Booleans, which stand for the words.</summary>
    private static string Text(JsonRow row, string name, bool isNeeded)
    {
        row.Value.TryGetProperty(name, out var value);
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.True => "True",
            JsonValueKind.False => "False",
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.Undefined or JsonValueKind.Null when !isNeeded => "",
            JsonValueKind.Undefined => throw new DataException($"{row.Place}: there is no \"{name}\", which a row of PandaLM's has."),
            _ => throw new DataException($"{row.Place}: \"{name}\" is {Kinds.Name(value)}, not a text."),
        };
    }

    private static int Label(JsonRow row, JsonProperty property) =>
        property.Value.ValueKind == JsonValueKind.Number && property.Value.TryGetInt32(out var label) && label is >= 0 and <= 2
            ? label
            : throw new DataException($"{row.Place}: {property.Name} is {property.Value.GetRawText()}; labels are 0 (a tie), 1 or 2.");
}
