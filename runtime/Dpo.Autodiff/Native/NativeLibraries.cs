using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dpo.Autodiff.Native;

/// <summary>Makes TorchSharp's native library load on Linux distributions whose C++ library is a little older than the one it was built against.</summary>
/// <remarks>
/// TorchSharp 0.107 asks for GLIBCXX_3.4.32, which Debian 12 and Ubuntu 22.04 lack, for one symbol that nothing calls. There a copy of
/// the library whose need of that version is weak is loaded from memory; TorchSharp then finds it by its name. Nothing is written over.
/// </remarks>
public static partial class NativeLibraries
{
    private const string Shim = "libLibTorchSharp.so";
    private const string Version = "GLIBCXX_3.4.32";

    // std::ios_base_library_init(), which came with that version.
    private const string VersionSymbol = "_ZSt21ios_base_library_initv";

    private static readonly string[] Libraries = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];
    private static readonly Lock Gate = new();
    private static bool isDone;

    /// <summary>Does what this machine needs, once. It never throws: what cannot be loaded is reported by TorchSharp when it is used.</summary>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Load()
    {
        lock (Gate)
        {
            if (isDone)
                return;
            isDone = true;
            if (!OperatingSystem.IsLinux() || HasVersion())
                return;
            try
            {
                LoadPatched();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException or NotSupportedException)
            {
                // TorchSharp's own attempt gives the better message.
            }
        }
    }

#pragma warning disable CA2255 // TorchSharp must find its library before its first use, which may come before any call of ours.
    [ModuleInitializer]
    internal static void Initialise() => Load();
#pragma warning restore CA2255

    /// <summary>Where the native libraries of a program may lie, nearest first.</summary>
    internal static IEnumerable<string> Directories()
    {
        if (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") is string searched)
        {
            foreach (var directory in searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
                yield return directory;
        }

        yield return AppContext.BaseDirectory;
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native");
    }

    private static bool HasVersion() =>
        NativeLibrary.TryLoad("libstdc++.so.6", out var library) && NativeLibrary.TryGetExport(library, VersionSymbol, out _);

    private static void LoadPatched()
    {
        var directories = Directories().Distinct(StringComparer.Ordinal).ToArray();
        if (Find(Shim, directories) is not { } path)
            return;
        var image = File.ReadAllBytes(path);
        if (!ElfVersions.Weaken(image, "libstdc++.so.6", Version))
            return;

        // Its dependencies by path: a library loaded from memory has no folder to find them in.
        foreach (var library in Libraries)
        {
            if (Find(library, directories) is not { } dependency || !NativeLibrary.TryLoad(dependency, out _))
                return;
        }

        if (!TryLoadFromMemory(image))
            TryLoadFromFile(image);
    }

    private static string? Find(string library, string[] directories) =>
        directories.Select(directory => Path.Combine(directory, library)).FirstOrDefault(File.Exists);

    private static bool TryLoadFromMemory(byte[] image)
    {
        const uint CloseOnExec = 1;
        const uint Executable = 0x10;
        int descriptor;
        try
        {
            descriptor = CreateMemoryFile(Shim, CloseOnExec | Executable);

            // Kernels before 6.3 do not know the second flag, and need none.
            if (descriptor < 0)
                descriptor = CreateMemoryFile(Shim, CloseOnExec);
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }

        if (descriptor < 0)
            return false;
        using var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            RandomAccess.Write(handle, image, 0);
        }
        catch (IOException)
        {
            return false;
        }

        return NativeLibrary.TryLoad($"/proc/self/fd/{descriptor}", out _);
    }

    // Without /proc, or where memory may not be executed: a private file that is removed as soon as it is mapped.
    internal static bool TryLoadFromFile(byte[] image)
    {
        string[] roots = [Path.GetTempPath(), Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), AppContext.BaseDirectory];
        foreach (var root in roots)
        {
            if (!Directory.Exists(root))
                continue;
            string? folder = null;
            try
            {
                folder = Path.Combine(root, ".dpo-autodiff-" + Path.GetRandomFileName());
                if (!OperatingSystem.IsWindows())
                    Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                var file = Path.Combine(folder, Shim);
                File.WriteAllBytes(file, image);
                if (NativeLibrary.TryLoad(file, out _))
                    return true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The next folder may be writable.
            }
            finally
            {
                Remove(folder);
            }
        }

        return false;
    }

    private static void Remove(string? folder)
    {
        try
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A left-over file is no reason to fail.
        }
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);
}
