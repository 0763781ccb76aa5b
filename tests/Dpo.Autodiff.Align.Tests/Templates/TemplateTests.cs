using System.Text.Json;
using Align.Templates;

namespace Dpo.Autodiff.Align.Tests.Templates;

/// <summary>Chat templates, against what jinja2 3.1.6 writes with the settings of transformers.</summary>
public sealed class TemplateTests
{
    private static readonly JsonElement[] All = Read();

    public static TheoryData<string> Names => [.. All.Select(c => c.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Is_what_jinja_writes(string name)
    {
        var vector = All.Single(c => c.GetProperty("name").GetString() == name);
        string Written() => Template.Parse(vector.GetProperty("template").GetString()!).Render((IReadOnlyDictionary<string, object?>)ChatValues.Of(vector.GetProperty("values"))!);
        if (!vector.TryGetProperty("error", out var error))
            Assert.Equal(vector.GetProperty("expected").GetString(), Written());
        else if (Assert.Throws<TemplateException>(Written).Message is var message && error.GetString()!.Contains("roles"))
            Assert.Contains(error.GetString()!, message);
    }

    private static JsonElement[] Read()
    {
        using var file = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Templates", "Vectors", "chat-templates.json")));
        return [.. file.RootElement.GetProperty("cases").EnumerateArray().Select(c => c.Clone())];
    }
}
