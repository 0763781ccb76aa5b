using System.Globalization;

namespace BradleyTerry.Output;

/// <summary>Numbers as text, the same under every culture.</summary>
internal static class Numbers
{
    /// <summary>A number with a fixed count of decimals; minus zero is zero.</summary>
    public static string Fixed(double value, int decimals)
    {
        var text = value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return text.StartsWith('-') && text.AsSpan().IndexOfAnyExcept("-0.") < 0 ? text[1..] : text;
    }

    /// <summary>A small number in powers of ten.</summary>
    public static string Small(double value) => value.ToString("0.0e+0", CultureInfo.InvariantCulture);

    /// <summary>A count, which may hold half games.</summary>
    public static string Count(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}
