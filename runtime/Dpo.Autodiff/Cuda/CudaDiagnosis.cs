using System.Globalization;
using System.Text.RegularExpressions;

namespace Dpo.Autodiff.Cuda;

/// <summary>What a compiler's log says about which kernel.</summary>
internal static partial class CudaDiagnosis
{
    /// <summary>The exception for a text that a compiler refuses: kernel, source line and log.</summary>
    internal static CudaException Of(string objective, string text, string compiler, string target, string log)
    {
        var lines = text.Split('\n');
        var found = FirstError().Match(log);
        if (!found.Success || !int.TryParse(found.Groups["line"].ValueSpan, CultureInfo.InvariantCulture, out var line) || line < 1 || line > lines.Length)
            return new($"{compiler} refuses the kernels of {objective} for {target}:\n{log}", null, log);
        var kernel = lines.Take(line).Select(l => Opening().Match(l)).LastOrDefault(m => m.Success)?.Groups["name"].Value;
        return new(
            $"{compiler} refuses {(kernel is null ? "what comes before the kernels" : "kernel " + kernel)} of {objective} for {target}, at line {line}:\n    {lines[line - 1].Trim()}\n{log}",
            kernel,
            log);
    }

    [GeneratedRegex(@"\((?<line>\d+)\): (catastrophic )?error")]
    private static partial Regex FirstError();

    [GeneratedRegex(@"DPO_KERNEL\((?<name>\w+)\)")]
    private static partial Regex Opening();
}
