using System.IO.Compression;

namespace Dpo.Autodiff.Package.Tests;

/// <summary>The packages as a user meets them: restored from a feed into a fresh project.</summary>
public sealed class PackageTests(PackedPackage package) : IClassFixture<PackedPackage>
{
    [Fact]
    public void The_runtime_package_carries_the_generator_and_its_targets()
    {
        using var archive = ZipFile.OpenRead(Directory.GetFiles(package.Feed, "Dpo.Autodiff.0*.nupkg").Single());
        var entries = archive.Entries.Select(e => e.FullName).ToArray();
        Assert.Contains("analyzers/dotnet/cs/Dpo.Autodiff.Generator.dll", entries);
        Assert.Contains("buildTransitive/Dpo.Autodiff.targets", entries);
        Assert.Contains("lib/net10.0/Dpo.Autodiff.dll", entries);
        Assert.DoesNotContain(entries, e => e.Contains("CodeAnalysis", StringComparison.Ordinal));
    }
}
