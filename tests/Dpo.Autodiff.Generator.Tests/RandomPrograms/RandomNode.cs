using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.RandomPrograms;

/// <summary>One operation of a random objective: a typed expression that prints as C# and evaluates eagerly.</summary>
/// <param name="Operation">The name under which its coverage is counted.</param>
/// <param name="Axes">The named axes of its result.</param>
/// <param name="IsReal">Real, as against Boolean.</param>
/// <param name="Text">Its C# text from its operands' texts.</param>
/// <param name="Value">Its eager value from its operands' values; distances to kinks go to the monitor.</param>
/// <param name="Children">Its operands.</param>
internal sealed record RandomNode(
    string Operation,
    string[] Axes,
    bool IsReal,
    Func<string[], string> Text,
    Func<Tensor[], KinkMonitor, Tensor> Value,
    RandomNode[] Children)
{
    public int Size => 1 + Children.Sum(c => c.Size);

    public string Print() => Text(Children.Select(c => c.Print()).ToArray());

    /// <summary>Evaluates the tree, keeping every real intermediate for the coverage count.</summary>
    public Tensor Evaluate(KinkMonitor monitor)
    {
        var result = Value(Children.Select(c => c.Evaluate(monitor)).ToArray(), monitor);
        monitor.Visit(this, result);
        return result;
    }

    public IEnumerable<RandomNode> Descendants() => Children.SelectMany(c => c.Descendants()).Prepend(this);

    /// <summary>The trees with one node replaced by one of its operands of the same type, largest reduction first.</summary>
    public IEnumerable<RandomNode> Shrinks()
    {
        foreach (var node in Descendants().Where(n => n != this && Fits(n)).OrderBy(n => n.Size))
            yield return node;
        for (var i = 0; i < Children.Length; i++)
            foreach (var smaller in Children[i].Shrinks())
            {
                var children = (RandomNode[])Children.Clone();
                children[i] = smaller;
                yield return this with { Children = children };
            }
    }

    private bool Fits(RandomNode other) => other.IsReal == IsReal && other.Axes.SequenceEqual(Axes);
}

/// <summary>Watches an eager evaluation: how near it came to a kink or a tie, how large it grew, and what every operation produced.</summary>
internal sealed class KinkMonitor
{
    private readonly List<(RandomNode Node, Tensor Value)> visited = [];

    /// <summary>The smallest distance to a kink or a tie, in units of the values compared.</summary>
    public double Distance { get; private set; } = double.PositiveInfinity;

    /// <summary>The largest magnitude of any intermediate: the scale of the tolerance.</summary>
    public double Scale { get; private set; } = 1;

    public bool IsFinite { get; private set; } = true;

    public IReadOnlyList<(RandomNode Node, Tensor Value)> Visited => visited;

    /// <summary>Counts values close to zero: <paramref name="difference"/> changes the branch when it changes sign.</summary>
    public void Kink(Tensor difference)
    {
        if (difference.numel() == 0)
            return;
        using var smallest = difference.detach().abs().min();
        Distance = Math.Min(Distance, smallest.ToDouble());
    }

    /// <summary>Counts how near two tensors come to a tie. A tensor and itself tie everywhere and stay tied: nothing changes sign.</summary>
    public void Tie(Tensor x, Tensor y)
    {
        if (!ReferenceEquals(x, y))
            Kink(x - y);
    }

    /// <summary>Counts neighbours along the last axis that are nearly equal: an order or a maximum would be a tie.</summary>
    public void Ties(Tensor values, long axis)
    {
        if (values.numel() == 0 || values.size((int)axis) < 2)
            return;
        using var sorted = values.detach().sort(axis).Values;
        var length = sorted.size((int)axis);
        using var gaps = sorted.narrow(axis, 1, length - 1) - sorted.narrow(axis, 0, length - 1);
        Kink(gaps);
    }

    public void Visit(RandomNode node, Tensor value)
    {
        if (!node.IsReal)
            return;
        if (value.requires_grad && !value.is_leaf)
            value.retain_grad();
        visited.Add((node, value));
        if (value.numel() == 0)
            return;
        using var largest = value.detach().abs().max();
        var magnitude = largest.ToDouble();
        IsFinite &= double.IsFinite(magnitude);
        Scale = Math.Max(Scale, magnitude);
    }
}
