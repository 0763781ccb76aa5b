using System.Runtime.InteropServices;
using System.Text;
using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Testing;

namespace Dpo.Autodiff.Runtime.Tests.Cuda;

/// <summary>A driver and a compiler without a card: a library with the exports that the runtime calls, which remember how.</summary>
internal sealed unsafe class FakeCuda : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("dpo-fake-cuda");

    internal FakeCuda()
    {
        Toolchain.Require(Toolchain.Gcc);
        var source = Path.Combine(folder.FullName, "FakeCuda.cpp");
        var library = Path.Combine(folder.FullName, "libfakecuda.so");
        File.WriteAllText(source, Toolchain.Header("FakeCuda.cpp"));
        Assert.Null(Toolchain.Run(Toolchain.Gcc, "-shared", "-fPIC", "-Wall", "-Werror", source, "-o", library));
        Library = NativeLibrary.Load(library);
        Now = (State*)((delegate* unmanaged<nint>)NativeLibrary.GetExport(Library, "fake_state"))();
        Now->Capability = 80;
        Now->Architectures = 3;
    }

    internal nint Library { get; }

    internal State* Now { get; }

    internal List<string> Reports { get; } = [];

    internal string CacheFolder => Path.Combine(folder.FullName, "cache");

    internal string Options => Text(Now->Options, 256);

    internal string LastFunction => Text(Now->Function, 64);

    /// <summary>As a program that starts now finds it: nothing in memory, the disk as it was left.</summary>
    internal CudaMachine Start() => CudaMachine.Find(() => Library, () => Library, Reports.Add, new(CacheFolder))!;

    public void Dispose() => folder.Delete(true);

    private static string Text(byte* bytes, int most) => Encoding.UTF8.GetString(new ReadOnlySpan<byte>(bytes, most)).Split('\0')[0];

    [StructLayout(LayoutKind.Sequential)]
    internal struct State
    {
        internal long Compilations, Loads, Launches, ContextChanges, LastStream;
        internal long Current, Capability, Architectures, RefusesBinaries, LaunchResult, SynchroniseResult;
        internal long Grid, Block, Shared, Attribute;
        internal fixed long Parameters[8];
        internal fixed byte Options[256];
        internal fixed byte Function[64];
    }
}
