namespace Dpo.Autodiff.Testing;

/// <summary>The folder of data beside the repository, which a checkout may lack.</summary>
internal static class Repository
{
    /// <summary><c>shared/data</c> beside the folder that holds the solution, or null.</summary>
    public static string? Data
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
}
