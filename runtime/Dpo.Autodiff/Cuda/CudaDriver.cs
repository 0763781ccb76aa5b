using System.Runtime.InteropServices;
using System.Text;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Cuda;

/// <summary>The part of the CUDA driver's interface that launching kernels takes.</summary>
internal sealed unsafe class CudaDriver
{
    private const int ComputeCapabilityMajor = 75;
    private const int ComputeCapabilityMinor = 76;
    private const int MultiprocessorCount = 16;
    private const int MaxDynamicSharedSize = 8;
    private const uint Portable = 1;
    private const uint DeviceMapped = 2;

    // What every card grants a block without being asked.
    private const int UsualSharedBytes = 48 * 1024;

    private readonly delegate* unmanaged<uint, int> initialise;
    private readonly delegate* unmanaged<int*, int, int> deviceGet;
    private readonly delegate* unmanaged<int*, int, int, int> deviceAttribute;
    private readonly delegate* unmanaged<byte*, int, int, int> deviceName;
    private readonly delegate* unmanaged<nint*, int, int> retainPrimaryContext;
    private readonly delegate* unmanaged<nint, int> setCurrent;
    private readonly delegate* unmanaged<nint*, int> getCurrent;
    private readonly delegate* unmanaged<int> synchronise;
    private readonly delegate* unmanaged<nint*, void*, int> loadModule;
    private readonly delegate* unmanaged<nint*, nint, byte*, int> getFunction;
    private readonly delegate* unmanaged<nint, int, int, int> setFunctionAttribute;
    private readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> launch;
    private readonly delegate* unmanaged<nint*, nuint, uint, int> allocateHost;
    private readonly delegate* unmanaged<int, byte**, int> errorName;
    private readonly delegate* unmanaged<int, byte**, int> errorText;

    private CudaDriver(LibraryExports exports)
    {
        initialise = (delegate* unmanaged<uint, int>)exports["cuInit"];
        deviceGet = (delegate* unmanaged<int*, int, int>)exports["cuDeviceGet"];
        deviceAttribute = (delegate* unmanaged<int*, int, int, int>)exports["cuDeviceGetAttribute"];
        deviceName = (delegate* unmanaged<byte*, int, int, int>)exports["cuDeviceGetName"];
        retainPrimaryContext = (delegate* unmanaged<nint*, int, int>)exports["cuDevicePrimaryCtxRetain"];
        setCurrent = (delegate* unmanaged<nint, int>)exports["cuCtxSetCurrent"];
        getCurrent = (delegate* unmanaged<nint*, int>)exports["cuCtxGetCurrent"];
        synchronise = (delegate* unmanaged<int>)exports["cuCtxSynchronize"];
        loadModule = (delegate* unmanaged<nint*, void*, int>)exports["cuModuleLoadData"];
        getFunction = (delegate* unmanaged<nint*, nint, byte*, int>)exports["cuModuleGetFunction"];
        setFunctionAttribute = (delegate* unmanaged<nint, int, int, int>)exports["cuFuncSetAttribute"];
        launch = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)exports["cuLaunchKernel"];
        allocateHost = (delegate* unmanaged<nint*, nuint, uint, int>)exports["cuMemHostAlloc"];
        errorName = (delegate* unmanaged<int, byte**, int>)exports["cuGetErrorName"];
        errorText = (delegate* unmanaged<int, byte**, int>)exports["cuGetErrorString"];
    }

    /// <summary>The driver behind a library.</summary>
    /// <param name="library">The library, 0 if there is none.</param>
    /// <param name="problem">Why there is none.</param>
    internal static CudaDriver? From(nint library, out string? problem)
    {
        problem = "there is no CUDA driver (" + (OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1") + ")";
        if (library == 0)
            return null;
        var exports = new LibraryExports(library);
        var driver = new CudaDriver(exports);
        if (exports.Missing is { } missing)
        {
            problem = "the CUDA driver is too old: it has no " + missing;
            return null;
        }

        var result = driver.initialise(0);
        problem = result == 0 ? null : "the CUDA driver does not start: " + driver.Describe(result);
        return result == 0 ? driver : null;
    }

    /// <summary>The driver's handle of a device, its primary context (which TorchSharp's own calls use too), and what it is.</summary>
    internal (int Handle, nint Context, CudaArchitecture Architecture, int Multiprocessors, string Name) Open(int index)
    {
        int device, major, minor, multiprocessors;
        nint context;
        Check(deviceGet(&device, index), $"CUDA device {index} cannot be opened");
        Check(deviceAttribute(&major, ComputeCapabilityMajor, device), $"CUDA device {index} does not say what it is");
        Check(deviceAttribute(&minor, ComputeCapabilityMinor, device), $"CUDA device {index} does not say what it is");
        Check(deviceAttribute(&multiprocessors, MultiprocessorCount, device), $"CUDA device {index} does not say what it is");
        var name = stackalloc byte[256];
        Check(deviceName(name, 256, device), $"CUDA device {index} does not say what it is");
        Check(retainPrimaryContext(&context, device), $"The context of CUDA device {index} cannot be had");
        return (device, context, new(major, minor), multiprocessors, Marshal.PtrToStringUTF8((nint)name) ?? "");
    }

    /// <summary>Makes a context the calling thread's until it is put back: what TorchSharp believes to be the current device stays so.</summary>
    internal ContextScope Enter(nint context)
    {
        nint previous;
        Check(getCurrent(&previous), "The current CUDA context is not known");
        if (previous != context)
            Check(setCurrent(context), "A CUDA context cannot be entered");
        return new(this, previous != context && previous != 0 ? previous : 0);
    }

    /// <summary>Zeroed memory of the host that every device writes at the same address.</summary>
    internal nint AllocateHost(int bytes)
    {
        nint memory;
        Check(allocateHost(&memory, (nuint)bytes, Portable | DeviceMapped), "Memory that host and device share cannot be had");
        new Span<byte>((void*)memory, bytes).Clear();
        return memory;
    }

    /// <summary>A module from a binary or from PTX (which ends in a zero).</summary>
    internal int TryLoadModule(ReadOnlySpan<byte> image, out nint module)
    {
        nint loaded;
        fixed (byte* first = image)
        {
            var result = loadModule(&loaded, first);
            module = result == 0 ? loaded : 0;
            return result;
        }
    }

    internal nint Function(nint module, string kernel)
    {
        nint function;
        var name = Encoding.UTF8.GetBytes(kernel + "\0");
        fixed (byte* first = name)
            Check(getFunction(&function, module, first), $"Kernel {kernel} is not in its module", kernel);
        return function;
    }

    /// <summary>Launches on the legacy default stream, where TorchSharp's own kernels are.</summary>
    internal void Launch(nint function, string kernel, long grid, int block, int sharedBytes, ReadOnlySpan<ulong> parameters)
    {
        if (grid is < 1 or > int.MaxValue)
            throw new CudaException($"Kernel {kernel} cannot have {grid} blocks.", kernel, null);
        if (sharedBytes > UsualSharedBytes)
            Check(setFunctionAttribute(function, MaxDynamicSharedSize, sharedBytes), $"Kernel {kernel} asks for {sharedBytes} bytes of shared memory", kernel);
        fixed (ulong* values = parameters)
        {
            var places = stackalloc void*[parameters.Length];
            for (var i = 0; i < parameters.Length; i++)
                places[i] = values + i;
            var result = launch(function, (uint)grid, 1, 1, (uint)block, 1, 1, (uint)sharedBytes, 0, places, null);
            if (result != 0)
                Check(result, $"Kernel {kernel} with {grid} blocks of {block} threads cannot be launched", kernel);
        }
    }

    internal void Synchronise() => Check(synchronise(), "A CUDA kernel that was launched before has failed");

    internal void Check(int result, string problem, string? kernel = null)
    {
        if (result != 0)
            throw new CudaException($"{problem}: {Describe(result)}.", kernel, null);
    }

    internal string Describe(int result)
    {
        byte* name = null;
        byte* text = null;
        errorName(result, &name);
        errorText(result, &text);
        return $"{Marshal.PtrToStringUTF8((nint)name) ?? "error " + result} ({Marshal.PtrToStringUTF8((nint)text) ?? "unknown"})";
    }

    /// <summary>Puts the thread's context back.</summary>
    internal readonly ref struct ContextScope(CudaDriver driver, nint previous)
    {
        public void Dispose()
        {
            if (previous != 0)
                driver.setCurrent(previous);
        }
    }
}

/// <summary>A card's compute capability.</summary>
internal readonly record struct CudaArchitecture(int Major, int Minor)
{
    internal int Number => (Major * 10) + Minor;

    public override string ToString() => $"{Major}{Minor}";
}
