namespace Align.Tokenizers;

/// <summary>Text as ids, and ids as text.</summary>
public interface ITokenizer
{
    /// <summary>How many tokens there are.</summary>
    int Vocabulary { get; }

    /// <summary>The token that begins a text, if there is one.</summary>
    int? Beginning { get; }

    /// <summary>The token that ends a text, if there is one.</summary>
    int? End { get; }

    /// <summary>The ids of a text, without <see cref="Beginning"/> and <see cref="End"/>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="continues">Whether other text stands before it: tokenizers that put a space before a text put none here.</param>
    IReadOnlyList<int> Encode(string text, bool continues = false);

    /// <summary>The text of ids. Tokens that are not text, such as <see cref="Beginning"/> and <see cref="End"/>, are left out.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="continues">Whether other text stands before it: a space that would be dropped at the beginning of a text is kept.</param>
    string Decode(IReadOnlyList<int> ids, bool continues = false);

    /// <summary>Writes the files from which Hugging Face's tools, and <see cref="Checkpoints.Checkpoint.Load"/>, make this tokenizer.</summary>
    /// <param name="folder">A folder that exists.</param>
    void Save(string folder);
}
