namespace Align.Data;

/// <summary>A response to a prompt that was judged alone.</summary>
/// <param name="Prompt">What it answers.</param>
/// <param name="Response">The response.</param>
/// <param name="IsDesirable">Whether it is good.</param>
/// <param name="Place">Where it stands: file and line.</param>
internal sealed record JudgedResponse(string Prompt, string Response, bool IsDesirable, string Place);
