namespace Align.Training;

/// <summary>Means of what the batches of one or several steps report, under TRL's names.</summary>
internal sealed class Averages
{
    private readonly Dictionary<string, (double Sum, double Weight)> sums = [];
    private readonly List<string> names = [];

    /// <summary>Adds a value, counted as often as its weight says.</summary>
    public void Add(string name, double value, double weight = 1)
    {
        if (!sums.TryGetValue(name, out var sum))
            names.Add(name);
        sums[name] = (sum.Sum + value * weight, sum.Weight + weight);
    }

    /// <summary>Adds to a number that is summed up, not averaged.</summary>
    public void Count(string name, double value)
    {
        if (!sums.TryGetValue(name, out var sum))
            names.Add(name);
        sums[name] = (sum.Sum + value, 1);
    }

    /// <summary>The mean so far, or null.</summary>
    public double? this[string name] => sums.TryGetValue(name, out var sum) && sum.Weight > 0 ? sum.Sum / sum.Weight : null;

    /// <summary>How much was added.</summary>
    public double Weight(string name) => sums.TryGetValue(name, out var sum) ? sum.Weight : 0;

    /// <summary>The means so far, in the order in which they were first reported.</summary>
    public IReadOnlyList<(string Name, double Value)> Means(string prefix = "") => [.. names.Where(n => sums[n].Weight > 0).Select(n => (prefix + n, this[n]!.Value))];

    /// <summary>Begins anew.</summary>
    public void Clear()
    {
        sums.Clear();
        names.Clear();
    }
}
