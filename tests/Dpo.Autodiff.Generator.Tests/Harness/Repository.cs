namespace Dpo.Autodiff.Generator.Tests.Harness;

/// <summary>Where the tests' own files are.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Dpo.Autodiff.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The tests run inside the repository: no Dpo.Autodiff.sln above " + AppContext.BaseDirectory);
    }
}
