using System.Runtime.CompilerServices;
using System.Text;
#if USE_VERIFY
using VerifyTests;
using VerifyXunit;
#else
using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;
#endif

namespace Dpo.Autodiff.Tests;

/// <summary>
/// Compares a text with the committed one beside the test, by Verify's conventions: <c>Class.Method.verified.cs</c> is committed,
/// <c>.received.cs</c> is written where they differ, and a missing snapshot fails. DPO_AUTODIFF_ACCEPT=1 accepts what was received.
/// </summary>
/// <remarks>
/// Built with <c>-p:UseVerify=true</c> the same calls go to Verify.Xunit on the same files. Read a snapshot before accepting it:
/// its difference is part of the change.
/// </remarks>
internal static class Snapshot
{
    private const string Accept = "DPO_AUTODIFF_ACCEPT";

    /// <param name="text">What was made now.</param>
    /// <param name="extension">The file's extension; generated C# has <c>cs</c>.</param>
    /// <param name="part">Tells several snapshots of one test apart.</param>
    /// <param name="sourceFile">The test's file, whose name is the class.</param>
    /// <param name="method">The test's method.</param>
    public static Task Match(
        string text, string extension = "txt", string part = "", [CallerFilePath] string sourceFile = "", [CallerMemberName] string method = "")
    {
        var name = Path.GetFileNameWithoutExtension(sourceFile) + "." + method + (part.Length > 0 ? "." + part : "");
        return Compare(text.Replace("\r\n", "\n").TrimEnd('\n'), extension, name, sourceFile);
    }

#if USE_VERIFY
    private static async Task Compare(string text, string extension, string name, string sourceFile)
    {
        var settings = new VerifySettings();
        settings.UseFileName(name);
        settings.DisableDiff();
        if (Environment.GetEnvironmentVariable(Accept) == "1")
            settings.AutoVerify();
        await Verifier.Verify(text, extension, settings, sourceFile);
    }
#else
    private static Task Compare(string text, string extension, string name, string sourceFile)
    {
        var folder = Path.GetDirectoryName(sourceFile)!;
        var verified = Path.Combine(folder, $"{name}.verified.{extension}");
        var received = Path.Combine(folder, $"{name}.received.{extension}");
        var before = File.Exists(verified) ? File.ReadAllText(verified).Replace("\r\n", "\n").TrimEnd('\n') : null;
        if (before == text)
        {
            File.Delete(received);
            return Task.CompletedTask;
        }

        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            File.WriteAllText(verified, text);
            File.Delete(received);
            return Task.CompletedTask;
        }

        File.WriteAllText(received, text);
        Assert.Fail(before is null
            ? $"No snapshot {verified}. Read {received}; {Accept}=1 accepts it."
            : $"{received} differs from the snapshot ({Accept}=1 accepts it):\n{Difference(before, text)}");
        return Task.CompletedTask;
    }

    /// <summary>The changed lines, each with the two around it.</summary>
    private static string Difference(string before, string after)
    {
        const int around = 2, most = 60;
        var lines = InlineDiffBuilder.Diff(before, after).Lines;
        var shown = new SortedSet<int>();
        for (var i = 0; i < lines.Count; i++)
            if (lines[i].Type != ChangeType.Unchanged)
                for (var j = Math.Max(0, i - around); j <= Math.Min(lines.Count - 1, i + around); j++)
                    shown.Add(j);
        var text = new StringBuilder();
        var last = -1;
        foreach (var i in shown.Take(most))
        {
            if (i != last + 1)
                text.Append("  ...\n");
            text.Append(lines[i].Type switch { ChangeType.Inserted => "+ ", ChangeType.Deleted => "- ", _ => "  " }).Append(lines[i].Text).Append('\n');
            last = i;
        }

        return text.Append(shown.Count > most ? $"  ... and {shown.Count - most} lines more\n" : "").ToString();
    }
#endif
}
