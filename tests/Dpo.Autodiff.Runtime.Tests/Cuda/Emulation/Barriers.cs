namespace Dpo.Autodiff.Testing;

/// <summary>The barriers of a text, which a mutation leaves out one at a time.</summary>
internal static class Barriers
{
    private const string Call = "dpo_barrier();";

    internal static int Count(string text) => text.Split(Call).Length - 1;

    internal static string Without(string text, int barrier)
    {
        var parts = text.Split(Call);
        return string.Join(Call, parts[..(barrier + 1)]) + ";" + string.Join(Call, parts[(barrier + 1)..]);
    }
}
