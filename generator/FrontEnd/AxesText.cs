namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>The form of the text in [Axes], checked where it is written; its meaning is the elaborator's.</summary>
/// <remarks>
/// <code>
/// axes = [ axis { " " axis } ]
/// axis = INTEGER | [ INTEGER "*" ] NAME
/// </code>
/// </remarks>
internal static class AxesText
{
    public static bool IsValid(string text) =>
        text.Split([' '], StringSplitOptions.RemoveEmptyEntries).All(IsAxis);

    private static bool IsAxis(string axis)
    {
        var star = axis.IndexOf('*');
        return star < 0
            ? IsSize(axis) || IsName(axis)
            : IsSize(axis.Substring(0, star)) && axis.Substring(0, star) != "0" && IsName(axis.Substring(star + 1));
    }

    private static bool IsSize(string text) => text.Length is > 0 and < 10 && text.All(c => c is >= '0' and <= '9');

    private static bool IsName(string text) =>
        text.Length > 0 && (char.IsLetter(text[0]) || text[0] == '_') && text.All(c => char.IsLetterOrDigit(c) || c == '_');
}
