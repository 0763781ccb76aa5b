namespace Align.Tokenizers;

/// <summary>Where a space is put before a text that begins.</summary>
internal enum SpacePrefix
{
    /// <summary>Nowhere.</summary>
    None,

    /// <summary>Before the text, and again after each added token.</summary>
    EveryPart,

    /// <summary>As <see cref="EveryPart"/>, where there is no space yet.</summary>
    EveryPartWithoutSpace,

    /// <summary>Before the text, where there is no space yet.</summary>
    FirstWithoutSpace,
}
