using System.Diagnostics;
using System.Reflection;
using System.Text.Json;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>
/// Measures a row in a process of its own: glibc reads its settings once, when a process starts, and no row finds the memory as
/// another left it.
/// </summary>
internal sealed class Worker(string allocator, string? tunables)
{
    private const string Variable = "GLIBC_TUNABLES";

    // Large blocks stay with the process, instead of being returned and faulted in again 4 KB at a time.
    private const string Tuned = "glibc.malloc.mmap_threshold=8589934592:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456";

    /// <summary>The allocators of this machine: only glibc has tunables.</summary>
    public static IReadOnlyList<Worker> All { get; } = OperatingSystem.IsLinux() ? [new("default", null), new("tuned", Tuned)] : [new("default", null)];

    /// <summary>The allocator's name.</summary>
    public string Allocator => allocator;

    /// <summary>Measures in this process, which <see cref="Run"/> started.</summary>
    public static void Serve(Row row, Rounds rounds) => Console.Out.WriteLine(JsonSerializer.Serialize(rounds.Measure(row)));

    /// <summary>Starts a process with these arguments and returns what it measured.</summary>
    /// <exception cref="InvalidOperationException">The process failed.</exception>
    public Measurement Run(IEnumerable<string> arguments)
    {
        var self = Environment.ProcessPath!;
        var isHost = Path.GetFileNameWithoutExtension(self) == "dotnet";
        var start = new ProcessStartInfo(self, isHost ? [Assembly.GetExecutingAssembly().Location, .. arguments] : arguments) { RedirectStandardOutput = true };
        start.Environment.Remove(Variable);
        if (tunables is not null)
            start.Environment[Variable] = tunables;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize<Measurement>(output)!
            : throw new InvalidOperationException($"Measuring on the {allocator} allocator ended with exit code {process.ExitCode}.");
    }
}
