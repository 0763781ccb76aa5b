namespace Dpo.Autodiff;

/// <summary>
/// The untyped function of a method, left in its assembly by the generator so that objectives of other assemblies can inline it.
/// </summary>
/// <param name="method">The documentation id of the method.</param>
/// <param name="version">The version of the text format.</param>
/// <param name="text">The function, as the generator prints it.</param>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
public sealed class ObjectiveProgramAttribute(string method, int version, string text) : Attribute
{
    /// <summary>The documentation id of the method.</summary>
    public string Method { get; } = method;

    /// <summary>The version of the text format.</summary>
    public int Version { get; } = version;

    /// <summary>The function, as the generator prints it.</summary>
    public string Text { get; } = text;
}
