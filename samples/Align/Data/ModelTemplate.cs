using System.Text.Json;
using Align.Checkpoints;
using Align.Templates;
using Align.Tokenizers;

namespace Align.Data;

/// <summary>The template that a model brings: <c>chat_template.jinja</c> in its folder, or <c>chat_template</c> in its tokenizer's settings; or one in a file.</summary>
internal sealed class ModelTemplate : IChatTemplate
{
    /// <summary>What <c>--chat-template</c> calls the model's own.</summary>
    public const string Own = "model";

    private const string FileName = "chat_template.jinja";
    private static readonly string[] Marks = ["bos_token", "eos_token", "unk_token", "pad_token"];

    private readonly string place;
    private readonly Template template;
    private readonly Dictionary<string, object?> marks = new(StringComparer.Ordinal);

    private ModelTemplate(string place, string source, JsonElement? settings)
    {
        this.place = place;
        try
        {
            template = Template.Parse(source);
        }
        catch (TemplateException exception)
        {
            throw Refused(exception);
        }

        foreach (var mark in Marks)
        {
            if (settings is { } json && json.TryGetProperty(mark, out var value) && Content(value) is { } content)
                marks[mark] = content;
        }
    }

    /// <summary>A template by its name.</summary>
    /// <param name="name"><see cref="Own"/>, which is <see cref="ChatTemplate.Plain"/> where the model has none; a layout's; or a file's.</param>
    /// <param name="model">The model's path.</param>
    public static IChatTemplate Of(string name, string model)
    {
        using var settings = File.Exists(Path.Combine(model, TokenizerFiles.Settings)) ? JsonFile.Read(Path.Combine(model, TokenizerFiles.Settings)) : null;
        if (name != Own)
            return File.Exists(name) ? new ModelTemplate(name, File.ReadAllText(name), settings?.RootElement) : ChatTemplate.Named(name);
        var file = Path.Combine(model, FileName);
        if (File.Exists(file))
            return new ModelTemplate(file, File.ReadAllText(file), settings?.RootElement);
        return settings is not null && Source(settings.RootElement) is { } source
            ? new ModelTemplate($"{Path.Combine(model, TokenizerFiles.Settings)}, chat_template", source, settings.RootElement)
            : ChatTemplate.Plain;
    }

    /// <inheritdoc/>
    public string Prompt(IReadOnlyList<ChatMessage> messages) => Render(messages, asks: true);

    /// <inheritdoc/>
    public (string Prompt, IReadOnlyList<string> Responses) Conversation(IReadOnlyList<ChatMessage> before, IReadOnlyList<IReadOnlyList<ChatMessage>> answers)
    {
        var prompt = Prompt(before);
        string[] whole = [.. answers.Select(a => Render([.. before, .. a], asks: false))];
        // Some templates ask in other words than they repeat an answer with: what all share is the prompt, as TRL has it.
        var shared = whole.Aggregate(prompt.Length, (length, text) => Math.Min(length, prompt.AsSpan().CommonPrefixLength(text)));
        return (prompt[..shared], [.. whole.Select(text => text[shared..])]);
    }

    private string Render(IReadOnlyList<ChatMessage> messages, bool asks)
    {
        try
        {
            return template.Render(new Dictionary<string, object?>(marks, StringComparer.Ordinal)
            {
                ["messages"] = messages.Select(m => (object?)new Dictionary<string, object?>(StringComparer.Ordinal) { ["role"] = m.Role, ["content"] = m.Content }).ToList(),
                ["add_generation_prompt"] = asks,
                ["tools"] = null,
                ["documents"] = null,
            });
        }
        catch (TemplateException exception)
        {
            throw Refused(exception);
        }
    }

    private DataException Refused(TemplateException exception) =>
        new($"{place}: {exception.Message}. Another template is used with --chat-template {string.Join(", ", ChatTemplate.All.Select(t => t.Name))} or a file's path.");

    /// <summary>A text, or the one called default of several.</summary>
    private static string? Source(JsonElement settings)
    {
        if (!settings.TryGetProperty("chat_template", out var source))
            return null;
        if (source.ValueKind == JsonValueKind.String)
            return source.GetString();
        return source.ValueKind != JsonValueKind.Array ? null : source.EnumerateArray()
            .Where(t => t.ValueKind == JsonValueKind.Object && t.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String && name.GetString() == "default")
            .Select(t => t.TryGetProperty("template", out var text) ? text.GetString() : null)
            .FirstOrDefault();
    }

    private static string? Content(JsonElement mark) => mark.ValueKind switch
    {
        JsonValueKind.String => mark.GetString(),
        JsonValueKind.Object when mark.TryGetProperty("content", out var content) => content.GetString(),
        _ => null,
    };
}
