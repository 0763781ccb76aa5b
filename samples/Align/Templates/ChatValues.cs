using System.Text.Json;

namespace Align.Templates;

/// <summary>JSON as the values that templates read.</summary>
internal static class ChatValues
{
    /// <summary>A value.</summary>
    public static object? Of(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => json.EnumerateObject().ToDictionary(p => p.Name, p => Of(p.Value), StringComparer.Ordinal),
        JsonValueKind.Array => json.EnumerateArray().Select(Of).ToList(),
        JsonValueKind.String => json.GetString(),
        JsonValueKind.Number => json.TryGetInt64(out var whole) ? (object)whole : json.GetDouble(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };
}
