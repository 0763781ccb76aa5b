using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Align.Reporting;

/// <summary>Numbers and settings as text, the same under every culture.</summary>
internal static class Format
{
    /// <summary>How settings are written.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    /// <summary>A number with a fixed count of decimals.</summary>
    public static string Fixed(double value, int decimals) => value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>A share in percent.</summary>
    public static string Percent(double share) => Fixed(100 * share, 1) + " %";

    /// <summary>A count, with its thousands apart.</summary>
    public static string Count(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A number as it can be read back.</summary>
    public static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
