namespace Dpo.Autodiff.Align.Tests.Harness;

/// <summary>The folder of data beside the repository, which a checkout may lack.</summary>
internal static class SharedData
{
    /// <summary><c>shared/data</c> beside the folder that holds the solution, or null.</summary>
    public static string? Folder
    {
        get
        {
            for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            {
                if (!File.Exists(Path.Combine(folder.FullName, "Dpo.Autodiff.sln")))
                    continue;
                var data = Path.Combine(folder.Parent?.FullName ?? "", "shared", "data");
                return Directory.Exists(data) ? data : null;
            }

            return null;
        }
    }

    /// <summary>The path of a file there; the test is skipped where it is missing.</summary>
    public static string Need(string file)
    {
        var path = Folder is { } folder ? Path.Combine(folder, file) : null;
        Skip.If(path is null || !File.Exists(path), $"shared/data/{file} is not beside the repository.");
        return path!;
    }
}
