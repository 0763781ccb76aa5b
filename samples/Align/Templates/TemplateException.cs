namespace Align.Templates;

/// <summary>A template cannot be read, or refuses what it is given.</summary>
internal sealed class TemplateException(string message, int line) : Exception($"line {line}: {message}");
