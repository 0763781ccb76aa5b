using System.Diagnostics;
using Dpo.Autodiff.Testing;
using Xunit.Abstractions;

namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>AddressSanitizer finds no access outside a tensor in the catalogue's kernels, and does find a planted one.</summary>
public sealed class SanitiserTests(ITestOutputHelper output)
{
    [SkippableFact]
    public void KernelsStayWithinTheirTensors()
    {
        var (code, text) = Run(SanitisedRun.Catalogue);
        output.WriteLine(text);
        Assert.True(code == 0 && text.Contains(SanitisedRun.Done, StringComparison.Ordinal), text);
    }

    [SkippableFact]
    public void APlantedAccessBeyondATensorIsFound()
    {
        var (code, text) = Run(SanitisedRun.Planted);
        Assert.NotEqual(0, code);
        Assert.Contains("AddressSanitizer: heap-buffer-overflow", text, StringComparison.Ordinal);
    }

    private static (int Code, string Text) Run(string what)
    {
        Toolchain.Require(Toolchain.Gcc);
        var start = new ProcessStartInfo("dotnet", [typeof(SanitisedRun).Assembly.Location, what]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LD_PRELOAD"] = Toolchain.Library("libasan.so");

        // The runtime's own signals stay its own, and what a process leaves behind at its end is no matter here.
        start.Environment["ASAN_OPTIONS"] = "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_abort=0:use_sigaltstack=0:detect_odr_violation=0:alloc_dealloc_mismatch=0";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, text + error.Result);
    }
}
