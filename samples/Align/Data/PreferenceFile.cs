using System.Text.Json;

namespace Align.Data;

/// <summary>
/// Reads preference pairs in the field's conventions: <c>prompt</c>, <c>chosen</c> and <c>rejected</c> as text or as chat messages, with the prompt left
/// out where both responses repeat it; and PandaLM's <c>instruction</c>, <c>input</c>, <c>response1</c>, <c>response2</c> with its annotators.
/// </summary>
internal sealed class PreferenceFile(string path, ChatTemplate template)
{
    private const string Layouts = "A row has prompt, chosen and rejected, as text or as chat messages; or PandaLM's instruction, response1, response2 and annotators.";

    /// <summary>How many rows were left out because their annotators agree on no winner; complete once the pairs are read.</summary>
    public int Ties { get; private set; }

    /// <summary>The pairs, read as they are asked for.</summary>
    public IEnumerable<PreferencePair> Pairs()
    {
        Ties = 0;
        foreach (var row in JsonRows.Read(path))
        {
            var pair = row.Value.TryGetProperty("response1", out _) ? PandaLm.Pair(row) : Ordinary(row);
            if (pair is null)
                Ties++;
            else
                yield return pair;
        }
    }

    private PreferencePair Ordinary(JsonRow row)
    {
        var chosen = Field(row, "chosen");
        var rejected = Field(row, "rejected");
        if (chosen.ValueKind != rejected.ValueKind)
            throw new DataException($"{row.Place}: \"chosen\" is {Kinds.Name(chosen)}, \"rejected\" {Kinds.Name(rejected)}. {Layouts}");
        row.Value.TryGetProperty("prompt", out var prompt);
        return chosen.ValueKind switch
        {
            JsonValueKind.String => OfText(row, prompt, chosen.GetString()!, rejected.GetString()!),
            JsonValueKind.Array => OfMessages(row, prompt, Messages(row, chosen, "chosen"), Messages(row, rejected, "rejected")),
            _ => throw new DataException($"{row.Place}: \"chosen\" is {Kinds.Name(chosen)}. {Layouts}"),
        };
    }

    private PreferencePair OfText(JsonRow row, JsonElement prompt, string chosen, string rejected)
    {
        switch (prompt.ValueKind)
        {
            case JsonValueKind.String:
                return new PreferencePair(prompt.GetString()!, chosen, rejected, row.Place);
            case JsonValueKind.Array:
                return new PreferencePair(template.Prompt(Messages(row, prompt, "prompt")), chosen, rejected, row.Place);
            case JsonValueKind.Undefined or JsonValueKind.Null:
                // As in Anthropic's files, both texts begin with the conversation: up to the last turn of the assistant that they share.
                var shared = chosen.AsSpan().CommonPrefixLength(rejected);
                var turn = chosen.AsSpan(0, shared).LastIndexOf("\n\nAssistant:");
                var cut = turn >= 0 ? turn + "\n\nAssistant:".Length : chosen.AsSpan(0, shared).LastIndexOf(' ') + 1;
                return new PreferencePair(chosen[..cut], chosen[cut..], rejected[cut..], row.Place);
            default:
                throw new DataException($"{row.Place}: \"prompt\" is {Kinds.Name(prompt)}. {Layouts}");
        }
    }

    private PreferencePair OfMessages(JsonRow row, JsonElement prompt, List<ChatMessage> chosen, List<ChatMessage> rejected)
    {
        var shared = 0;
        while (shared < Math.Min(chosen.Count, rejected.Count) - 1 && chosen[shared] == rejected[shared])
            shared++;
        var before = chosen.Take(shared);
        if (prompt.ValueKind == JsonValueKind.Array)
            before = Messages(row, prompt, "prompt").Concat(before);
        else if (prompt.ValueKind == JsonValueKind.String && shared == 0)
            before = [new ChatMessage("user", prompt.GetString()!)];
        return new PreferencePair(template.Prompt(before), template.Response(chosen[shared..]), template.Response(rejected[shared..]), row.Place);
    }

    private static JsonElement Field(JsonRow row, string name) =>
        row.Value.TryGetProperty(name, out var value) ? value : throw new DataException($"{row.Place}: there is no \"{name}\". {Layouts}");

    private static List<ChatMessage> Messages(JsonRow row, JsonElement array, string name)
    {
        var messages = array.EnumerateArray().Select(Message).ToList();
        return messages.Count > 0 ? messages : throw new DataException($"{row.Place}: \"{name}\" holds no message.");

        ChatMessage Message(JsonElement message) =>
            message.ValueKind == JsonValueKind.Object
            && message.TryGetProperty("role", out var role) && role.ValueKind == JsonValueKind.String
            && message.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String
                ? new ChatMessage(role.GetString()!, content.GetString()!)
                : throw new DataException($"{row.Place}: a message of \"{name}\" is an object with a role and a content, both texts.");
    }
}
