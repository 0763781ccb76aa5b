namespace Align.Tokenizers;

/// <summary>One step of splitting a text into the parts that are encoded alone.</summary>
internal interface ISplitter
{
    /// <summary>The parts of a part; none is empty.</summary>
    /// <param name="part">The part.</param>
    /// <param name="continues">Whether it goes on with other text.</param>
    IEnumerable<string> Split(string part, bool continues);
}
