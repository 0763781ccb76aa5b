using Dpo.Autodiff.Tests;

namespace Dpo.Autodiff.Generator.Tests.Harness;

public class SnapshotTests
{
    [Fact]
    public Task An_equal_text_passes_whatever_its_line_ends() => Snapshot.Match("one\r\ntwo\n");

#if !USE_VERIFY
    [Fact]
    public async Task A_missing_snapshot_fails_and_leaves_what_was_received()
    {
        if (Environment.GetEnvironmentVariable("DPO_AUTODIFF_ACCEPT") == "1")
            return;
        var folder = Directory.CreateTempSubdirectory().FullName;
        var test = Path.Combine(folder, "T.cs");
        await Assert.ThrowsAsync<Xunit.Sdk.FailException>(() => Snapshot.Match("text", sourceFile: test, method: "M"));
        Assert.Equal("text", File.ReadAllText(Path.Combine(folder, "T.M.received.txt")));

        File.WriteAllText(Path.Combine(folder, "T.M.verified.txt"), "one\ntext");
        var failure = await Assert.ThrowsAsync<Xunit.Sdk.FailException>(() => Snapshot.Match("text", sourceFile: test, method: "M"));
        Assert.Contains("- one", failure.Message, StringComparison.Ordinal);

        await Snapshot.Match("one\ntext\n", sourceFile: test, method: "M");
        Assert.False(File.Exists(Path.Combine(folder, "T.M.received.txt")));
        Directory.Delete(folder, recursive: true);
    }
#endif
}
