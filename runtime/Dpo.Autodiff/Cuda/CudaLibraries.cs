using System.Runtime.InteropServices;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Cuda;

/// <summary>Where the driver and NVRTC lie.</summary>
internal static class CudaLibraries
{
    /// <summary>The driver, which the system's loader knows; 0 where there is none.</summary>
    internal static nint Driver()
    {
        string[] names = OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"];
        return names.Select(name => NativeLibrary.TryLoad(name, out var library) ? library : 0).FirstOrDefault(library => library != 0);
    }

    /// <summary>NVRTC, beside libtorch, in the CUDA toolkit or where the system's loader looks; 0 where there is none.</summary>
    internal static nint Compiler()
    {
        foreach (var path in Candidates([.. NativeLibraries.Directories(), .. ToolkitFolders()]))
        {
            if (NativeLibrary.TryLoad(path, out var library))
                return library;
        }

        string[] names = OperatingSystem.IsWindows()
            ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll", "nvrtc64_112_0.dll"]
            : ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"];
        return names.Select(name => NativeLibrary.TryLoad(name, out var library) ? library : 0).FirstOrDefault(library => library != 0);
    }

    /// <summary>The files of these folders that are NVRTC: libtorch's packages put a hash into the name, and builtins beside it.</summary>
    internal static IEnumerable<string> Candidates(IEnumerable<string> folders) =>
        from folder in folders.Distinct(StringComparer.Ordinal)
        where Directory.Exists(folder)
        from path in Directory.EnumerateFiles(folder, OperatingSystem.IsWindows() ? "nvrtc64_*.dll" : "libnvrtc*.so*").Order(StringComparer.Ordinal)
        where !Path.GetFileName(path).Contains("builtins", StringComparison.Ordinal) && !Path.GetFileName(path).Contains(".alt.", StringComparison.Ordinal)
        select path;

    private static IEnumerable<string> ToolkitFolders() =>
        from variable in new[] { "CUDA_HOME", "CUDA_PATH" }
        let root = Environment.GetEnvironmentVariable(variable)
        where !string.IsNullOrEmpty(root)
        from folder in new[] { "lib64", "bin", Path.Combine("bin", "x64"), "lib" }
        select Path.Combine(root, folder);
}
