using System.Text.Json;

namespace Align.Data;

/// <summary>
/// Reads preference pairs in the field's conventions: <c>prompt</c>, <c>chosen</c> and <c>rejected</c> as text or as chat messages, with the prompt left
/// out where both responses repeat it, and if wanted a <c>margin</c>, a <c>tie</c>, or a third response as <c>reference</c>; PandaLM's <c>instruction</c>,
/// <c>input</c>, <c>response1</c>, <c>response2</c> with its annotators; and single responses as <c>prompt</c>, <c>completion</c> and <c>label</c>.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="template">How chat messages become text; not asked for where there are none.</param>
internal sealed class PreferenceFile(string path, Lazy<IChatTemplate> template)
{
    private const string Layouts = "A row has prompt, chosen and rejected, as text or as chat messages; or PandaLM's instruction, response1, response2 and annotators.";

    private const string Judged = "A judged response has prompt, completion, as text or as chat messages, and label, true for a good one and false for a bad one.";

    /// <summary>How many rows were left out because nobody wins, or their annotators do not agree; complete once the pairs are read.</summary>
    public int Ties { get; private set; }

    /// <summary>The pairs, read as they are asked for.</summary>
    /// <param name="withTies">Whether pairs are wanted of which neither response is better.</param>
    public IEnumerable<PreferencePair> Pairs(bool withTies = false)
    {
        Ties = 0;
        foreach (var row in JsonRows.Read(path))
        {
            if (IsJudged(row))
                throw new DataException($"{row.Place}: a response with a label, where pairs are wanted: it is for objectives over single responses, such as kto. {Layouts}");
            if (Pair(row) is { } pair && (withTies || !pair.IsTie))
                yield return pair;
            else
                Ties++;
        }
    }

    /// <summary>Judged responses, and those of pairs, the preferred one as good and the other one as bad.</summary>
    public IEnumerable<JudgedResponse> Responses()
    {
        Ties = 0;
        foreach (var row in JsonRows.Read(path))
        {
            if (IsJudged(row))
            {
                yield return Response(row);
            }
            else if (Pair(row) is { IsTie: false } pair)
            {
                yield return new JudgedResponse(pair.Prompt, pair.Chosen, true, row.Place);
                yield return new JudgedResponse(pair.Prompt, pair.Rejected, false, row.Place);
            }
            else
            {
                Ties++;
            }
        }
    }

    private static bool IsJudged(JsonRow row) => row.Value.TryGetProperty("completion", out _) && !row.Value.TryGetProperty("chosen", out _);

    private PreferencePair? Pair(JsonRow row)
    {
        if (row.Value.TryGetProperty("response1", out _))
            return PandaLm.Pair(row);
        var pair = Ordinary(row);
        return pair with { IsTie = Flag(row, "tie") ?? false, Margin = Number(row, "margin") };
    }

    private JudgedResponse Response(JsonRow row)
    {
        var completion = Field(row, "completion");
        row.Value.TryGetProperty("prompt", out var prompt);
        var isGood = Flag(row, "label") ?? throw new DataException($"{row.Place}: there is no \"label\". {Judged}");
        if (completion.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw new DataException($"{row.Place}: \"completion\" is {Kinds.Name(completion)}. {Judged}");
        if (prompt.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw new DataException($"{row.Place}: \"prompt\" is {Kinds.Name(prompt)}. {Judged}");
        if (prompt.ValueKind == JsonValueKind.String && completion.ValueKind == JsonValueKind.String)
            return new JudgedResponse(prompt.GetString()!, completion.GetString()!, isGood, row.Place);
        var before = prompt.ValueKind == JsonValueKind.Array ? Messages(row, prompt, "prompt") : [new ChatMessage("user", prompt.GetString()!)];
        var (text, responses) = template.Value.Conversation(before, [Answer(row, completion, "completion")]);
        return new JudgedResponse(text, responses[0], isGood, row.Place);
    }

    /// <summary>The third response of triple preferences, in TRL's column <c>reference</c>.</summary>
    private static JsonElement? Gold(JsonRow row) => !row.Value.TryGetProperty("reference", out var gold) || gold.ValueKind == JsonValueKind.Null ? null
        : gold.ValueKind is JsonValueKind.String or JsonValueKind.Array ? gold
        : throw new DataException($"{row.Place}: \"reference\" is {Kinds.Name(gold)}, not a response.");

    /// <summary>A response as messages.</summary>
    private static List<ChatMessage> Answer(JsonRow row, JsonElement response, string name) =>
        response.ValueKind == JsonValueKind.String ? [new ChatMessage("assistant", response.GetString()!)] : Messages(row, response, name);

    private static bool? Flag(JsonRow row, string name) => !row.Value.TryGetProperty(name, out var flag) ? null : flag.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => flag.GetBoolean(),
        JsonValueKind.Number when flag.TryGetInt32(out var number) && number is 0 or 1 => flag.GetInt32() == 1,
        _ => throw new DataException($"{row.Place}: \"{name}\" is {flag.GetRawText()}, not true or false."),
    };

    private static double? Number(JsonRow row, string name) => !row.Value.TryGetProperty(name, out var number) || number.ValueKind == JsonValueKind.Null ? null
        : number.ValueKind == JsonValueKind.Number ? number.GetDouble()
        : throw new DataException($"{row.Place}: \"{name}\" is {number.GetRawText()}, not a number.");

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
                return new PreferencePair(prompt.GetString()!, chosen, rejected, row.Place) { Gold = Gold(row)?.GetString() };
            case JsonValueKind.Array:
                return Templated(row, Messages(row, prompt, "prompt"), [new ChatMessage("assistant", chosen)], [new ChatMessage("assistant", rejected)]);
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
        List<ChatMessage> before = [.. chosen.Take(shared)];
        if (prompt.ValueKind == JsonValueKind.Array)
            before.InsertRange(0, Messages(row, prompt, "prompt"));
        else if (prompt.ValueKind == JsonValueKind.String && shared == 0)
            before = [new ChatMessage("user", prompt.GetString()!)];
        return Templated(row, before, chosen[shared..], rejected[shared..]);
    }

    private PreferencePair Templated(JsonRow row, List<ChatMessage> before, List<ChatMessage> chosen, List<ChatMessage> rejected)
    {
        var gold = Gold(row) is { } given ? Answer(row, given, "reference") : null;
        var (prompt, responses) = template.Value.Conversation(before, gold is null ? [chosen, rejected] : [chosen, rejected, gold]);
        return new PreferencePair(prompt, responses[0], responses[1], row.Place) { Gold = responses.ElementAtOrDefault(2) };
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
