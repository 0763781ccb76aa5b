using System.Runtime.CompilerServices;
using Dpo.Autodiff.Native;
using TorchSharp;

namespace Dpo.Autodiff.Runtime.Tests.Native;

/// <summary>TorchSharp loads, on distributions with an older C++ library too.</summary>
public class NativeLibrariesTests
{
    [ModuleInitializer]
    internal static void Initialise() => NativeLibraries.Load();

    [Fact]
    public void TorchSharpComputes()
    {
        using var x = torch.ones(3);
        using var sum = x.sum();
        Assert.Equal(3f, sum.item<float>());
    }

    [Fact]
    public void WeakensOneVersionAndNothingElse()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var path = NativeLibraries.Directories().Select(directory => Path.Combine(directory, "libLibTorchSharp.so")).First(File.Exists);
        var image = File.ReadAllBytes(path);
        var patched = (byte[])image.Clone();
        Assert.True(ElfVersions.Weaken(patched, "libstdc++.so.6", "GLIBCXX_3.4.32"));
        var changed = Enumerable.Range(0, image.Length).Where(i => image[i] != patched[i]).ToArray();
        Assert.Single(changed);
        Assert.Equal(image[changed[0]] | 2, patched[changed[0]]);
        Assert.False(ElfVersions.Weaken(patched, "libstdc++.so.6", "GLIBCXX_9.9.99"));
        Assert.False(ElfVersions.Weaken(patched, "libm.so.6", "GLIBCXX_3.4.32"));
    }

    [Fact]
    public void LoadsFromAPrivateFileThatItRemoves()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var before = Leftovers();
        Assert.False(NativeLibraries.TryLoadFromFile([1, 2, 3]));

        // Any small library will do: the shim itself must not be loaded twice.
        var library = Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "libSystem.Native.so");
        Assert.True(NativeLibraries.TryLoadFromFile(File.ReadAllBytes(library)));
        Assert.Equal(before, Leftovers());

        static int Leftovers() => Directory.GetDirectories(Path.GetTempPath(), ".dpo-autodiff-*").Length;
    }

    [Fact]
    public void RejectsWhatIsNoLibrary()
    {
        Assert.Throws<InvalidDataException>(() => ElfVersions.Weaken(new byte[100], "libstdc++.so.6", "GLIBCXX_3.4.32"));
        var cut = "\u007fELF\u0002\u0001"u8.ToArray().Concat(Enumerable.Repeat((byte)0xff, 100)).ToArray();
        Assert.Throws<InvalidDataException>(() => ElfVersions.Weaken(cut, "libstdc++.so.6", "GLIBCXX_3.4.32"));
    }
}
