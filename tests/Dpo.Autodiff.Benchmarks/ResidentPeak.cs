using System.Globalization;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>How far a call raises the process's resident memory: Linux keeps the peak, and forgets it when asked.</summary>
internal static class ResidentPeak
{
    private const string ForgetPeak = "5";

    /// <summary>The rise in units; null where it is not asked for or cannot be known.</summary>
    /// <remarks>Of two calls the larger: the first makes what later calls use again.</remarks>
    public static double? Of(Side side, double unit)
    {
        if (unit == 0 || !OperatingSystem.IsLinux())
            return null;
        try
        {
            return Math.Max(Rise(side), Rise(side)) / unit;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static double Rise(Side side)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        File.WriteAllText("/proc/self/clear_refs", ForgetPeak);
        var before = Status("VmRSS:");
        side(null);
        return Status("VmHWM:") - before;
    }

    private static double Status(string name)
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return 1024 * double.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
    }
}
