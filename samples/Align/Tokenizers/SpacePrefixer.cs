namespace Align.Tokenizers;

/// <summary>Puts a space before a part that has none.</summary>
internal sealed class SpacePrefixer : ISplitter
{
    /// <inheritdoc/>
    public IEnumerable<string> Split(string part, bool continues) => [continues || part.StartsWith(' ') ? part : " " + part];
}
