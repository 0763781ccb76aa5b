namespace Align.Data;

/// <summary>A message of a conversation.</summary>
/// <param name="Role">system, user or assistant.</param>
/// <param name="Content">What is said.</param>
internal sealed record ChatMessage(string Role, string Content);

/// <summary>How a conversation becomes text.</summary>
internal interface IChatTemplate
{
    /// <summary>The conversation so far, up to where the assistant begins to answer.</summary>
    string Prompt(IReadOnlyList<ChatMessage> messages);

    /// <summary>The conversation so far, and what each of some answers adds to it.</summary>
    (string Prompt, IReadOnlyList<string> Responses) Conversation(IReadOnlyList<ChatMessage> before, IReadOnlyList<IReadOnlyList<ChatMessage>> answers);
}
