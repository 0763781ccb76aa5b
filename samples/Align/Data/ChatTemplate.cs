using System.Text;

namespace Align.Data;

/// <summary>A message of a conversation.</summary>
/// <param name="Role">system, user or assistant.</param>
/// <param name="Content">What is said.</param>
internal sealed record ChatMessage(string Role, string Content);

/// <summary>
/// How a conversation becomes text. Models come with templates in a language of their own (Jinja); these are the layouts that most of them amount to.
/// </summary>
/// <param name="Name">What <c>--chat-template</c> calls it.</param>
/// <param name="Opening">What stands before a message of a role.</param>
/// <param name="Closing">What stands after it.</param>
internal sealed record ChatTemplate(string Name, Func<string, string> Opening, string Closing)
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
        ?? throw new DataException($"No chat template is called {name}: there are {string.Join(", ", All.Select(t => t.Name))}.");

    /// <summary>The conversation so far, up to where the assistant begins to answer.</summary>
    public string Prompt(IEnumerable<ChatMessage> messages)
    {
        var text = new StringBuilder();
        foreach (var message in messages)
            text.Append(Opening(message.Role)).Append(message.Content).Append(Closing);
        return text.Append(Opening("assistant")).ToString();
    }

    /// <summary>What the assistant answers, one message or several.</summary>
    public string Response(IReadOnlyList<ChatMessage> messages)
    {
        var text = new StringBuilder(messages[0].Content);
        foreach (var message in messages.Skip(1))
            text.Append(Closing).Append(Opening(message.Role)).Append(message.Content);
        return text.ToString();
    }
}
