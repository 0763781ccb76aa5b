using System.Runtime.InteropServices;
using System.Text;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Cuda;

/// <summary>CUDA's compiler as a library.</summary>
internal sealed unsafe class Nvrtc
{
    private const int InvalidOption = 5;

    // Real architectures of NVRTC versions that do not list theirs.
    private static readonly int[] Known = [90, 89, 87, 86, 80, 75, 72, 70, 61, 60, 53, 52, 50];

    private readonly delegate* unmanaged<int*, int*, int> version;
    private readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int> create;
    private readonly delegate* unmanaged<nint*, int> destroy;
    private readonly delegate* unmanaged<nint, int, byte**, int> compile;
    private readonly delegate* unmanaged<nint, nuint*, int> logSize;
    private readonly delegate* unmanaged<nint, byte*, int> log;
    private readonly delegate* unmanaged<nint, nuint*, int> ptxSize;
    private readonly delegate* unmanaged<nint, byte*, int> ptx;
    private readonly delegate* unmanaged<nint, nuint*, int> binarySize;
    private readonly delegate* unmanaged<nint, byte*, int> binary;
    private readonly delegate* unmanaged<int*, int> architectureCount;
    private readonly delegate* unmanaged<int*, int> architectures;
    private readonly delegate* unmanaged<int, byte*> errorText;

    private Nvrtc(LibraryExports exports)
    {
        version = (delegate* unmanaged<int*, int*, int>)exports["nvrtcVersion"];
        create = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)exports["nvrtcCreateProgram"];
        destroy = (delegate* unmanaged<nint*, int>)exports["nvrtcDestroyProgram"];
        compile = (delegate* unmanaged<nint, int, byte**, int>)exports["nvrtcCompileProgram"];
        logSize = (delegate* unmanaged<nint, nuint*, int>)exports["nvrtcGetProgramLogSize"];
        log = (delegate* unmanaged<nint, byte*, int>)exports["nvrtcGetProgramLog"];
        ptxSize = (delegate* unmanaged<nint, nuint*, int>)exports["nvrtcGetPTXSize"];
        ptx = (delegate* unmanaged<nint, byte*, int>)exports["nvrtcGetPTX"];
        errorText = (delegate* unmanaged<int, byte*>)exports["nvrtcGetErrorString"];

        // Since 11.1 and 11.2.
        binarySize = (delegate* unmanaged<nint, nuint*, int>)exports.Optional("nvrtcGetCUBINSize");
        binary = (delegate* unmanaged<nint, byte*, int>)exports.Optional("nvrtcGetCUBIN");
        architectureCount = (delegate* unmanaged<int*, int>)exports.Optional("nvrtcGetNumSupportedArchs");
        architectures = (delegate* unmanaged<int*, int>)exports.Optional("nvrtcGetSupportedArchs");
    }

    /// <summary>12.8, say.</summary>
    internal string Version { get; private set; } = "";

    internal static Nvrtc? From(nint library, out string? problem)
    {
        problem = "there is no NVRTC (" + (OperatingSystem.IsWindows() ? "nvrtc64_*.dll" : "libnvrtc.so") + ")";
        if (library == 0)
            return null;
        var exports = new LibraryExports(library);
        var compiler = new Nvrtc(exports);
        if (exports.Missing is { } missing)
        {
            problem = "NVRTC is too old: it has no " + missing;
            return null;
        }

        int major, minor;
        if (compiler.version(&major, &minor) != 0)
        {
            problem = "NVRTC does not say its version";
            return null;
        }

        problem = null;
        compiler.Version = $"{major}.{minor}";
        return compiler;
    }

    /// <summary>How to compile for a card: for itself where NVRTC knows it, else to PTX for the newest older one, which the driver translates.</summary>
    internal CudaTarget Target(CudaArchitecture card)
    {
        var supported = Supported();
        if (supported.Contains(card.Number) && binarySize != null)
            return new(card.Number, false);
        var older = supported.Where(a => a <= card.Number).DefaultIfEmpty(0).Max();
        return older > 0
            ? new(older, true)
            : throw new CudaException($"NVRTC {Version} compiles for compute capability {supported.Min() / 10}.{supported.Min() % 10} and newer; the card has {card.Major}.{card.Minor}.");
    }

    /// <summary>A module's image.</summary>
    /// <param name="objective">Whose kernels they are: the name of the text in messages.</param>
    /// <param name="text">The whole text.</param>
    /// <param name="target">For which cards.</param>
    /// <exception cref="CudaException">The compiler refuses the text.</exception>
    internal byte[] Compile(string objective, string text, CudaTarget target)
    {
        nint program;
        fixed (byte* source = Bytes(text), name = Bytes(objective + ".cu"))
            Check(create(&program, source, name, 0, null, null), objective);
        try
        {
            var result = Compile(program, target.Options);
            if (result == InvalidOption)
                throw new CudaException($"NVRTC {Version} does not compile for {target.Options[0]}.", null, Log(program));
            if (result != 0)
                throw CudaDiagnosis.Of(objective, text, $"NVRTC {Version}", target.ToString(), Log(program));
            return target.IsPtx ? Take(program, ptxSize, ptx, objective) : Take(program, binarySize, binary, objective);
        }
        finally
        {
            destroy(&program);
        }
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text + "\0");

    private int[] Supported()
    {
        int count;
        if (architectureCount == null || architectures == null || architectureCount(&count) != 0 || count <= 0)
            return Known;
        var all = new int[count];
        fixed (int* first = all)
            return architectures(first) == 0 ? all : Known;
    }

    private int Compile(nint program, string[] options)
    {
        var texts = options.Select(o => Marshal.StringToCoTaskMemUTF8(o)).ToArray();
        try
        {
            fixed (nint* first = texts)
                return compile(program, texts.Length, (byte**)first);
        }
        finally
        {
            foreach (var text in texts)
                Marshal.FreeCoTaskMem(text);
        }
    }

    private byte[] Take(nint program, delegate* unmanaged<nint, nuint*, int> size, delegate* unmanaged<nint, byte*, int> content, string objective)
    {
        nuint bytes;
        Check(size(program, &bytes), objective);
        var image = new byte[bytes];
        fixed (byte* first = image)
            Check(content(program, first), objective);
        return image;
    }

    private string Log(nint program)
    {
        nuint size;
        if (logSize(program, &size) != 0 || size <= 1)
            return "";
        var bytes = new byte[size];
        fixed (byte* first = bytes)
            return log(program, first) == 0 ? Encoding.UTF8.GetString(bytes).TrimEnd('\0', '\n') : "";
    }

    private void Check(int result, string objective)
    {
        if (result != 0)
            throw new CudaException($"The kernels of {objective} cannot be compiled: NVRTC {Version} says {Marshal.PtrToStringUTF8((nint)errorText(result))}.");
    }
}

/// <summary>What is compiled for.</summary>
/// <param name="Architecture">A compute capability: 90 for 9.0.</param>
/// <param name="IsPtx">Whether the driver translates the result for the card.</param>
internal sealed record CudaTarget(int Architecture, bool IsPtx)
{
    internal string[] Options => [$"--gpu-architecture={this}", "--std=c++17"];

    public override string ToString() => (IsPtx ? "compute_" : "sm_") + Architecture;
}
