using System.Text;
using Dpo.Autodiff.Cuda;

namespace Dpo.Autodiff.Testing;

/// <summary>Compiles kernels for a card by clang, without a CUDA toolkit: a check of syntax, types, address spaces and intrinsics.</summary>
internal static class Ptx
{
    // The newest that clang 14 knows; the flag that lets newer ones read it is theirs too.
    private static readonly string[] Options =
    [
        "-x", "cuda", "--cuda-device-only", "--cuda-gpu-arch=sm_80", "-nocudainc", "-nocudalib", "-Xclang", "-target-feature", "-Xclang", "+ptx72",
        "-fdeclspec", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter", "-Wno-unknown-cuda-version", "-Wno-pass-failed", "-S",
    ];

    /// <summary>Compiles several texts, each in its own namespace after one prelude.</summary>
    internal static string Compile(IReadOnlyList<KernelText> texts)
    {
        var whole = new StringBuilder("#define DPO_KERNEL(name) __global__ void name\n").Append(texts[0].Common).Append('\n').Append(CudaPrelude.Text).Append('\n');
        for (var i = 0; i < texts.Count; i++)
            whole.Append($"namespace text{i}\n{{\n{texts[i].Own}}}\n");
        return Compile(whole.ToString());
    }

    /// <summary>The PTX of a whole text.</summary>
    /// <exception cref="InvalidOperationException">clang refuses it.</exception>
    internal static string Compile(string text)
    {
        var folder = Directory.CreateTempSubdirectory("dpo-ptx");
        try
        {
            var header = Path.Combine(folder.FullName, "Clang.h");
            var source = Path.Combine(folder.FullName, "kernels.cu");
            var ptx = Path.Combine(folder.FullName, "kernels.ptx");
            File.WriteAllText(header, Toolchain.Header("Clang.h"));
            File.WriteAllText(source, text);
            if (Toolchain.Run(Toolchain.Clang, [.. Options, "-include", header, source, "-o", ptx]) is { } errors)
                throw new InvalidOperationException("clang refuses the text:\n" + errors);
            return File.ReadAllText(ptx);
        }
        finally
        {
            folder.Delete(true);
        }
    }
}
