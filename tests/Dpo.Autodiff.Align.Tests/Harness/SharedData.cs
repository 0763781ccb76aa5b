using Dpo.Autodiff.Testing;

namespace Dpo.Autodiff.Align.Tests.Harness;

/// <summary>Files of the folder of data beside the repository, which a checkout may lack.</summary>
internal static class SharedData
{
    /// <summary>The path of a file there; the test is skipped where it is missing.</summary>
    public static string Need(string file)
    {
        var path = Repository.Data is { } folder ? Path.Combine(folder, file) : null;
        Skip.If(path is null || !File.Exists(path), $"shared/data/{file} is not beside the repository.");
        return path!;
    }
}
