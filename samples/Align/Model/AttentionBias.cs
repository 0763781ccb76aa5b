namespace Align.Model;

/// <summary>Which projections of attention have a bias.</summary>
public enum AttentionBias
{
    /// <summary>None, as in Llama.</summary>
    None,

    /// <summary>Those of queries, keys and values, as in Qwen 2.</summary>
    QueryKeyValue,

    /// <summary>All, as in a Llama of transformers with <c>attention_bias</c>.</summary>
    All,
}
