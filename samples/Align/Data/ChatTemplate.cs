using System.Text;

namespace Align.Data;

/// <summary>A layout of messages one after the other, for models that bring no template of their own.</summary>
/// <param name="Name">What <c>--chat-template</c> calls it.</param>
/// <param name="Opening">What stands before a message of a role.</param>
/// <param name="Closing">What stands after it.</param>
internal sealed record ChatTemplate(string Name, Func<string, string> Opening, string Closing) : IChatTemplate
{
    /// <summary>Roles in plain words, for models that were never taught a layout.</summary>
    public static ChatTemplate Plain { get; } = new("plain", role => role switch { "user" => "User: ", "assistant" => "Assistant: ", _ => "" }, "\n");

    /// <summary>Every layout.</summary>
    public static IReadOnlyList<ChatTemplate> All { get; } =
    [
        Plain,
        new("chatml", role => $"<|im_start|>{role}\n", "<|im_end|>\n"),
        new("zephyr", role => $"<|{role}|>\n", "</s>\n"),
        new("llama3", role => $"<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"),
    ];

    /// <summary>The layout of a name.</summary>
    public static ChatTemplate Named(string name) =>
        All.FirstOrDefault(t => t.Name == name)
        ?? throw new DataException($"No chat template is called {name}, and no file: there are {ModelTemplate.Own}, {string.Join(", ", All.Select(t => t.Name))}.");

    /// <inheritdoc/>
    public string Prompt(IReadOnlyList<ChatMessage> messages)
    {
        var text = new StringBuilder();
        foreach (var message in messages)
            text.Append(Opening(message.Role)).Append(message.Content).Append(Closing);
        return text.Append(Opening("assistant")).ToString();
    }

    /// <inheritdoc/>
    public (string Prompt, IReadOnlyList<string> Responses) Conversation(IReadOnlyList<ChatMessage> before, IReadOnlyList<IReadOnlyList<ChatMessage>> answers) =>
        (Prompt(before), [.. answers.Select(Response)]);

    private string Response(IReadOnlyList<ChatMessage> messages)
    {
        var text = new StringBuilder(messages[0].Content);
        foreach (var message in messages.Skip(1))
            text.Append(Closing).Append(Opening(message.Role)).Append(message.Content);
        return text.ToString();
    }
}
