using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>The dtypes of the format.</summary>
internal static class SafeTensorsDType
{
    private static readonly Dictionary<string, (int Bits, ScalarType? Type)> All = new(StringComparer.Ordinal)
    {
        ["BOOL"] = (8, ScalarType.Bool),
        ["U8"] = (8, ScalarType.Byte),
        ["I8"] = (8, ScalarType.Int8),
        ["I16"] = (16, ScalarType.Int16),
        ["I32"] = (32, ScalarType.Int32),
        ["I64"] = (64, ScalarType.Int64),
        ["F16"] = (16, ScalarType.Float16),
        ["BF16"] = (16, ScalarType.BFloat16),
        ["F32"] = (32, ScalarType.Float32),
        ["F64"] = (64, ScalarType.Float64),
        ["C64"] = (64, ScalarType.ComplexFloat32),
        // Of the format, but not of TorchSharp: a file with such tensors is read, but for them.
        ["U16"] = (16, null),
        ["U32"] = (32, null),
        ["U64"] = (64, null),
        ["F4"] = (4, null),
        ["F6_E2M3"] = (6, null),
        ["F6_E3M2"] = (6, null),
        ["F8_E4M3"] = (8, null),
        ["F8_E5M2"] = (8, null),
        ["F8_E8M0"] = (8, null),
    };

    /// <summary>How many bits an element has; null for what is not of the format.</summary>
    public static int? BitsOf(string name) => All.TryGetValue(name, out var dtype) ? dtype.Bits : null;

    /// <summary>TorchSharp's name; null where it has none.</summary>
    public static ScalarType? TypeOf(string name) => All.TryGetValue(name, out var dtype) ? dtype.Type : null;

    /// <summary>The format's name; null where it has none.</summary>
    public static string? NameOf(ScalarType type)
    {
        foreach (var (name, dtype) in All)
        {
            if (dtype.Type == type)
                return name;
        }

        return null;
    }
}
