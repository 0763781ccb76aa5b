namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>A place that jumps go to: known once it is marked, filled into the jumps when the body is complete.</summary>
internal sealed class Label
{
    public int Position { get; set; } = -1;

    /// <summary>The jumps to it, by instruction.</summary>
    public List<int> Jumps { get; } = [];
}
