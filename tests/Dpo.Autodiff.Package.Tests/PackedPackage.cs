namespace Dpo.Autodiff.Package.Tests;

/// <summary>Packs the runtime and the catalogue once into a folder feed, and makes consumer projects that restore from it.</summary>
public sealed class PackedPackage : IDisposable
{
    public PackedPackage()
    {
        Folder = Directory.CreateTempSubdirectory("dpo-autodiff-package-").FullName;
        Feed = Path.Combine(Folder, "feed");
        foreach (var project in new[] { "Dpo.Autodiff", "Dpo.Autodiff.Objectives" })
            DotNet.Run(DotNet.RepositoryRoot, "pack", Path.Combine("runtime", project), "-c", DotNet.Configuration, "--no-build", "-o", Feed);
    }

    public string Folder { get; }

    public string Feed { get; }

    /// <summary>A console project in an empty folder that references the packages and holds <paramref name="program"/>.</summary>
    public string Consumer(string name, string program, string properties = "")
    {
        var folder = Path.Combine(Folder, name);
        Directory.CreateDirectory(folder);
        // Its own cache for our packages, so that a rebuilt package of the same version is never taken from the user's cache.
        File.WriteAllText(Path.Combine(folder, "nuget.config"), $"""
            <configuration>
              <packageSources><add key="packed" value="{Feed}" /></packageSources>
              <config><add key="globalPackagesFolder" value="{Path.Combine(Folder, "packages")}" /></config>
              <fallbackPackageFolders><add key="user" value="{UserPackages()}" /></fallbackPackageFolders>
            </configuration>
            """);
        File.WriteAllText(Path.Combine(folder, name + ".csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <NoWarn>$(NoWarn);NU1603</NoWarn>
                <NuGetAudit>false</NuGetAudit>
                <CreateSymbolicLinksForCopyLocalIfPossible>true</CreateSymbolicLinksForCopyLocalIfPossible>
                {properties}
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Dpo.Autodiff.Objectives" Version="0.1.0" />
                <PackageReference Include="libtorch-cpu-linux-x64" Version="2.10.0" Condition="$([MSBuild]::IsOSPlatform('Linux'))" />
                <PackageReference Include="libtorch-cpu-win-x64" Version="2.10.0" Condition="$([MSBuild]::IsOSPlatform('Windows'))" />
                <PackageReference Include="libtorch-cpu-osx-arm64" Version="2.10.0" Condition="$([MSBuild]::IsOSPlatform('OSX'))" />
              </ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), program);
        return folder;
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Folder, recursive: true);
        }
        catch (IOException)
        {
            // A build server that still holds a file must not fail the tests; the folder is in the system's temporary one.
        }
    }

    private static string UserPackages() =>
        Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
}
