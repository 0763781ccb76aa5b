namespace Align.Templates;

/// <summary>Names with their values, inside those of another scope.</summary>
internal sealed class Scope(Scope? outer)
{
    private readonly Dictionary<string, object?> values = new(StringComparer.Ordinal);

    /// <summary>The value of a name.</summary>
    public object? this[string name]
    {
        get => values.TryGetValue(name, out var value) ? value : outer is null ? new Undefined(name) : outer[name];
        set => values[name] = value;
    }
}
