using System.Diagnostics;

namespace Dpo.Autodiff.Testing;

/// <summary>The compilers that read CUDA C on a machine without a card.</summary>
internal static class Toolchain
{
    /// <summary>Whether this is a run of <c>.ci/run</c>, which installs both.</summary>
    private static bool IsRequired => Environment.GetEnvironmentVariable("DPO_AUTODIFF_CI") == "1";

    /// <summary>clang, which compiles kernels to PTX.</summary>
    internal const string Clang = "clang";

    /// <summary>GCC's C++ compiler, which compiles kernels for the processor.</summary>
    internal const string Gcc = "g++";

    /// <summary>Skips the test where a compiler is missing, except where it must not be.</summary>
    internal static void Require(string compiler)
    {
        if (!IsRequired)
            Skip.IfNot(Has(compiler), compiler + " is not installed.");
        Assert.True(Has(compiler), compiler + " is not installed, though .ci/run installs it.");
    }

    internal static bool Has(string compiler) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, compiler)));

    /// <summary>Runs a program to its end. Returns what it wrote to its error stream, or null where it succeeded.</summary>
    internal static string? Run(string program, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? null : error + output.Result;
    }

    /// <summary>Where g++ has a library.</summary>
    internal static string Library(string name)
    {
        using var process = Process.Start(new ProcessStartInfo(Gcc, ["-print-file-name=" + name]) { RedirectStandardOutput = true })!;
        return process.StandardOutput.ReadToEnd().Trim();
    }

    /// <summary>The text of a header that is embedded in the tests.</summary>
    internal static string Header(string name)
    {
        using var stream = typeof(Toolchain).Assembly.GetManifestResourceStream("Dpo.Autodiff.Testing." + name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
