using System.Runtime.InteropServices;
using Dpo.Autodiff.Cuda;

namespace Dpo.Autodiff.Runtime.Tests.Cuda;

/// <summary>Runs hand-written kernels on arrays.</summary>
internal static unsafe class PreludeKernels
{
    internal const string InSingle = "#define real float";
    internal const string InDouble = "#define real double";

    /// <summary>Loads a source's only kernel, <c>kernel</c>, and launches it once. Arrays are handed over as pointers to memory that lies as a tensor's does, and get what is in it afterwards.</summary>
    internal static void Run(ICudaDevice device, string source, string defines, long grid, params object[] arguments)
    {
        var module = device.Load("test", source, defines, ["kernel"]);
        var blocks = new List<(Array Array, nint Memory)>();
        try
        {
            var parameters = new ulong[arguments.Length];
            for (var i = 0; i < arguments.Length; i++)
            {
                switch (arguments[i])
                {
                    case Array array:
                        var memory = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(Bytes(array).Length, 1), 64);
                        blocks.Add((array, memory));
                        Bytes(array).CopyTo(new((void*)memory, Bytes(array).Length));
                        parameters[i] = (ulong)memory;
                        break;
                    case double number:
                        parameters[i] = BitConverter.DoubleToUInt64Bits(number);
                        break;
                    default:
                        parameters[i] = (ulong)Convert.ToInt64(arguments[i], System.Globalization.CultureInfo.InvariantCulture);
                        break;
                }
            }

            module.Launch(module.Function("kernel"), grid, device.BlockSize(256), 0, parameters);
            foreach (var (array, memory) in blocks)
                new Span<byte>((void*)memory, Bytes(array).Length).CopyTo(Bytes(array));
        }
        finally
        {
            foreach (var (_, memory) in blocks)
                NativeMemory.AlignedFree((void*)memory);
        }
    }

    private static Span<byte> Bytes(Array array) => MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(array), Buffer.ByteLength(array));

    /// <summary>A kernel that maps an expression in x (and y) over arrays.</summary>
    internal static string Map(string expression, bool isBinary = false) => $$"""
        DPO_KERNEL(kernel)(const void *left, const void *right, void *result, long long count)
        {
            for (long long i = dpo_block() * dpo_threads() + dpo_thread(); i < count; i += dpo_blocks() * dpo_threads())
            {
                real x = dpo_load((const real *)left, i);
                {{(isBinary ? "real y = dpo_load((const real *)right, i);" : "(void)right;")}}
                dpo_store((real *)result, i, {{expression}});
            }
        }
        """;
}
