using System.Text.Json;

namespace Align.Data;

/// <summary>Kinds of JSON values in words.</summary>
internal static class Kinds
{
    /// <summary>What a value is, with its article.</summary>
    public static string Name(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a Boolean",
        JsonValueKind.Null => "null",
        _ => "missing",
    };
}
