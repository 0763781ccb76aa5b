using System.Diagnostics;
using System.Reflection;

namespace Dpo.Autodiff.Package.Tests;

/// <summary>Runs the .NET command line as a user would.</summary>
internal static class DotNet
{
    public static string RepositoryRoot { get; } = Path.GetFullPath(Metadata("RepositoryRoot").Replace('\\', Path.DirectorySeparatorChar));

    public static string Configuration { get; } = Metadata("Configuration");

    /// <summary>The command's output, both streams; a non-zero exit is a failure of the test, with the output.</summary>
    public static string Run(string folder, params string[] arguments)
    {
        var (exit, output) = TryRun(folder, arguments);
        Assert.True(exit == 0, $"dotnet {string.Join(' ', arguments)} exited with {exit}:\n{output}");
        return output;
    }

    public static (int Exit, string Output) TryRun(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The test host's own settings would leak into the build of the consumer.
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }

    private static string Metadata(string key) =>
        typeof(DotNet).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
}
