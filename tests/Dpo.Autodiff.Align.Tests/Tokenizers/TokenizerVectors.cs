using System.Text.Json.Nodes;

namespace Dpo.Autodiff.Align.Tests.Tokenizers;

/// <summary>
/// What Hugging Face's own library (tokenizers 0.21 by its Node binding) makes of texts, with two small vocabularies under the settings of models that
/// people use: byte-level and with U+2581 for spaces.
/// </summary>
internal static class TokenizerVectors
{
    private static readonly JsonNode File = JsonNode.Parse(System.IO.File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Tokenizers", "Vectors", "tokenizers.json")))!;

    public static IEnumerable<string> Names => File["cases"]!.AsArray().Select(c => c!["name"]!.GetValue<string>());

    /// <summary>A case's whole <c>tokenizer.json</c>.</summary>
    public static JsonObject Json(string name)
    {
        var vector = Case(name);
        var json = (JsonObject)vector["json"]!.DeepClone();
        var model = File["models"]![vector["of"]!.GetValue<string>()]!;
        json["model"]!["vocab"] = model["vocab"]!.DeepClone();
        json["model"]!["merges"] = model["merges"]!.DeepClone();
        return json;
    }

    /// <summary>A case's texts with their ids, and what becomes of those.</summary>
    public static IEnumerable<(string Text, int[] Ids, string Decoded)> Texts(string name) => Case(name)["texts"]!.AsArray().Select(t =>
        (t!["text"]!.GetValue<string>(), t["ids"]!.AsArray().Select(id => id!.GetValue<int>()).ToArray(), t["decoded"]!.GetValue<string>()));

    private static JsonNode Case(string name) => File["cases"]!.AsArray().Single(c => c!["name"]!.GetValue<string>() == name)!;
}
