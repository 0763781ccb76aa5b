using System.Text.Json;
using Dpo.Autodiff.Testing;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>The cases of a file of <c>shared/data/vectors</c>.</summary>
internal static class VectorFile
{
    /// <summary>Where the files are, or null.</summary>
    public static string? Folder => Repository.Data is { } data && Directory.Exists(Path.Combine(data, "vectors")) ? Path.Combine(data, "vectors") : null;

    /// <summary>The files' names without extension, in ordinal order.</summary>
    public static string[] Names => Folder is { } folder
        ? Directory.GetFiles(folder, "*.json").Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal).ToArray()
        : [];

    public static VectorCase[] Read(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder!, name + ".json")));
        return document.RootElement.GetProperty("cases").EnumerateArray().Select(c => new VectorCase(name, c.Clone())).ToArray();
    }
}
