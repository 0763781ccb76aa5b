using System.Reflection;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Harness;

/// <summary>How large the drawn values are.</summary>
public enum Magnitude
{
    /// <summary>As in training.</summary>
    Usual,

    /// <summary>Up to +-1e4.</summary>
    Extreme,
}

/// <summary>Draws arguments for an objective from the names, axes and attributes of its parameters.</summary>
internal sealed class Draw(int seed, long size, Magnitude magnitude)
{
    private readonly Random random = new(seed);

    /// <summary>How long all rows are, of tokens, of items and of vocabularies; where it is not said, they are short.</summary>
    public long? Row { get; init; }

    /// <summary>Combinations of an objective's enum and Boolean values, absent and present tensors and numbers: as few, about, as have every pair of them.</summary>
    public static IReadOnlyList<Dictionary<string, object?>> Configurations(ObjectiveUnderTest objective, Func<Dictionary<string, object?>, bool>? isWanted = null)
    {
        IEnumerable<Dictionary<string, object?>> all = [[]];
        foreach (var parameter in objective.Parameters)
        {
            if (Choices(parameter) is { } choices)
                all = all.SelectMany(c => choices.Select(choice => new Dictionary<string, object?>(c) { [parameter.Name!] = choice })).ToArray();
        }

        // Whichever has most pairs that are in none yet.
        var pairs = all.Where(isWanted ?? (static _ => true)).ToDictionary(c => c, c => c.SelectMany(one => c.Select(other => (one, other))).Append(default).ToArray());
        var missing = pairs.Values.SelectMany(p => p).ToHashSet();
        var chosen = new List<Dictionary<string, object?>>();
        while (missing.Count > 0)
        {
            chosen.Add(pairs.Keys.MaxBy(c => pairs[c].Count(missing.Contains))!);
            missing.ExceptWith(pairs[chosen[^1]]);
        }

        return chosen;
    }

    /// <summary>Tensors in float64 (integers and Booleans in their own) for every tensor parameter that a configuration does not leave out.</summary>
    public Dictionary<string, object?> Arguments(ObjectiveUnderTest objective, Dictionary<string, object?> configuration)
    {
        var arguments = new Dictionary<string, object?>(configuration);
        foreach (var parameter in objective.TensorParameters)
        {
            var isLeftOut = configuration.TryGetValue(parameter.Name!, out var choice) && choice is null;
            if (!isLeftOut)
                arguments[parameter.Name!] = Tensor(objective, parameter);
        }

        return arguments;
    }

    private static object?[]? Choices(ParameterInfo parameter)
    {
        if (parameter.ParameterType.IsEnum)
            return Enum.GetValues(parameter.ParameterType).Cast<object?>().ToArray();
        if (parameter.ParameterType == typeof(bool))
            return [false, true];
        if (parameter.ParameterType == typeof(Tensor))
            return parameter.HasDefaultValue ? [null, "present"] : null;
        if (parameter.Name == "labelSmoothing")
            return [parameter.DefaultValue, 0.1];
        return Nullable.GetUnderlyingType(parameter.ParameterType) is null ? null : parameter.Name switch
        {
            "centering" => [null, 0.01],
            "epsilonHigh" => [null, 0.28],
            "dualClip" => [null, 3.0],
            _ => [null, 0.5],
        };
    }

    private Tensor Tensor(ObjectiveUnderTest objective, ParameterInfo parameter)
    {
        var shape = parameter.GetCustomAttribute<AxesAttribute>()!.Axes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Extent).ToArray();
        var count = (int)shape.Aggregate(1L, (a, b) => a * b);
        switch (parameter.Name)
        {
            case "winner" or "loser" or "first" or "second" when objective.TensorParameters.Any(p => p.Name == "strength"):
                return tensor(Numbers(count, () => random.Next((int)Extent("player"))).Select(v => (long)v).ToArray(), shape, int64);
            case "firstWins" or "secondWins" or "ties" or "count":
                return tensor(Numbers(count, () => random.Next(6)), shape, float64);
            case "chosenLength" or "rejectedLength" or "length":
                return tensor(Numbers(count, () => random.Next(40)).Select(v => (long)v).ToArray(), shape, int64);
            case "preference":
                return tensor(Numbers(count, () => random.Next(3) - 1), shape, float64);
            case "labels" when objective.Name == "RewardModel.Process":
                return tensor(Numbers(count, () => random.Next(2)).Select(v => (long)v).ToArray(), shape, int64);
            case "labels" or "chosenLabels" or "rejectedLabels" or "goldLabels":
                return tensor(Numbers(count, () => random.Next((int)Extent("vocab"))).Select(v => (long)v).ToArray(), shape, int64);
            case "top":
                return tensor(Numbers(count, () => random.Next((int)Extent("vocab"))).Select(v => (long)v).ToArray(), shape, int64);
            case "sequence":
                var sequences = (int)Extent(objective.Name == "Packed.Dpo" ? "2*pair" : "sequence");
                return tensor(Numbers(count, () => random.Next(sequences)).Select(v => (long)v).ToArray(), shape, int64);
            case "isToken" or "isCompletion" or "isChosen" or "isRejected" or "isGold" or "isText" or "isStep":
                return tensor(Spans(count, (int)shape[^1]), shape, @bool);
            case "normaliser" or "pairNormaliser":
                return tensor(Numbers(count, () => 1 + 10 * random.NextDouble()), shape, float64);
            case "isDesirable" or "isTie" or "isOwnPreferred":
                return tensor(Numbers(count, () => random.Next(2)).Select(v => v > 0).ToArray(), shape, @bool);
            case "isPresent":
                var lengths = Numbers((int)shape[0], () => 1 + random.Next((int)shape[1]));
                return tensor(Enumerable.Range(0, count).Select(i => i % shape[1] < lengths[i / (int)shape[1]]).ToArray(), shape, @bool);
            case "weight" or "draw":
                return tensor(Numbers(count, random.NextDouble), shape, float64);
            default:
                // Log-probabilities that are averaged over tokens are below 0.
                return tensor(Numbers(count, objective.Name is "Preference.Orpo" or "Preference.AlphaPo" && shape.Length > 0 ? () => -Math.Abs(Value()) - 1e-4 : Value), shape, float64);
        }
    }

    private double Value()
    {
        var usual = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        if (magnitude == Magnitude.Usual)
            return 2 * usual;
        return random.Next(4) switch { 0 => 1e4, 1 => -1e4, 2 => 100 * usual, _ => usual };
    }

    private static double[] Numbers(int count, Func<double> draw)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++)
            values[i] = draw();
        return values;
    }

    /// <summary>A span of tokens in every row, and none in the first of several.</summary>
    private bool[] Spans(int count, int tokens)
    {
        var values = new bool[count];
        for (var row = 0; row < count; row += tokens)
        {
            var start = random.Next(tokens);
            var end = row == 0 && tokens < count ? start : start + 1 + random.Next(tokens - start);
            Array.Fill(values, true, row + start, end - start);
        }

        return values;
    }

    private long Extent(string axis) => axis switch
    {
        _ when axis.StartsWith("2*", StringComparison.Ordinal) => 2 * Extent(axis[2..]),
        "item" or "sample" or "token" or "chosenToken" or "rejectedToken" or "goldToken" or "vocab" when Row is { } row => row,
        "player" => 5,
        "2" => 2,
        // Of the smallest vocabulary too.
        "rank" => 3,
        "teacherVocab" => size switch { 7 => 41, 64 => 16, _ => 6 },
        "item" or "sample" => 4,
        // Rows of tokens stay short, and vocabularies small: sizes with and without remainders of a vector.
        "token" => size switch { 0 => 0, 1 => 1, 7 => 5, 64 => 9, _ => 2 },
        "chosenToken" => size switch { 0 => 0, 1 => 2, 7 => 3, _ => 4 },
        "rejectedToken" or "goldToken" => size switch { 0 => 0, 1 => 1, 7 => 6, _ => 3 },
        "vocab" => size switch { 0 => 3, 1 => 8, 3 => 1031, 7 => 37, 64 => 19, _ => 5 },
        _ => size,
    };
}
