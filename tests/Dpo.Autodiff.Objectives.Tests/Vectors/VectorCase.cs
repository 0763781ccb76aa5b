using System.Text.Json;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>One published case: inputs, hyper-parameters, and what the peer's own code answered.</summary>
internal sealed class VectorCase(string file, JsonElement json)
{
    public string File { get; } = file;

    public string Name { get; } = json.GetProperty("name").GetString()!;

    /// <summary>The names of the inputs that the peer differentiated.</summary>
    public string[] Differentiated { get; } = json.GetProperty("diff").EnumerateArray().Select(n => n.GetString()!).ToArray();

    /// <summary>The peer's own code raises here: there is nothing to compare with.</summary>
    public bool Raises => Expected.TryGetProperty("raises", out _);

    private JsonElement Expected => json.GetProperty("expected");

    public override string ToString() => File + "/" + Name;

    public double Number(string name, double standard) => Hyper(name) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : standard;

    public double? OptionalNumber(string name) => Hyper(name) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : null;

    public bool Flag(string name, bool standard = false) => Hyper(name) is { } value ? value.GetBoolean() : standard;

    public string? Text(string name) => Hyper(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public string[] Texts(string name, params string[] standard) =>
        Hyper(name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray().Select(t => t.GetString()!).ToArray() : standard;

    public double[] Numbers(string name, params double[] standard) =>
        Hyper(name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray().Select(n => n.GetDouble()).ToArray() : standard;

    /// <summary>An input, in its own dtype.</summary>
    public Tensor Input(string name)
    {
        var input = json.GetProperty("inputs").GetProperty(name);
        var shape = input.GetProperty("shape").EnumerateArray().Select(n => n.GetInt64()).ToArray();
        var values = Flatten(input.GetProperty("data")).ToArray();
        return input.GetProperty("dtype").GetString() switch
        {
            "float64" => tensor(values, shape, float64),
            "int64" => tensor(values.Select(v => (long)v).ToArray(), shape, int64),
            "bool" => tensor(values.Select(v => v != 0).ToArray(), shape, @bool),
            var other => throw new NotSupportedException("dtype " + other),
        };
    }

    /// <summary>The peer's loss; null where it raised.</summary>
    public double[]? Loss => Expected.TryGetProperty("loss", out var loss) && loss.ValueKind != JsonValueKind.Null ? Flatten(loss).ToArray() : null;

    /// <summary>The peer's gradient of an input, flat; null where there is none.</summary>
    public double[]? Gradient(string input) => Read("grads", input);

    /// <summary>Another output, flat, by its path (<c>metrics/margin</c> is looked up as one name after the first slash); null where there is none.</summary>
    public double[]? Output(string path)
    {
        if (!path.StartsWith("metrics/", StringComparison.Ordinal))
            return Read("outputs", path);
        return Expected.TryGetProperty("outputs", out var outputs) && outputs.TryGetProperty("metrics", out var metrics) && metrics.TryGetProperty(path["metrics/".Length..], out var value)
            ? Flatten(value).ToArray()
            : null;
    }

    private JsonElement? Hyper(string name) => json.GetProperty("hyper").TryGetProperty(name, out var value) ? value : null;

    private double[]? Read(string group, string name) =>
        Expected.TryGetProperty(group, out var values) && values.ValueKind == JsonValueKind.Object && values.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? Flatten(value).ToArray()
            : null;

    private static IEnumerable<double> Flatten(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.EnumerateArray().SelectMany(Flatten),
        JsonValueKind.True => [1.0],
        JsonValueKind.False => [0.0],
        JsonValueKind.String => [value.GetString() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            var other => throw new FormatException("The number " + other),
        }],
        _ => [value.GetDouble()],
    };
}
