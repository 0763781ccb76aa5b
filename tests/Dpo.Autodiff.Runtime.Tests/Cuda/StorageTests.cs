using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Testing;

namespace Dpo.Autodiff.Runtime.Tests.Cuda;

/// <summary>Storage types of the prelude: every 2-byte float, roundings to nearest even, 16 bytes at a time.</summary>
public class StorageTests
{
    private const string Copy = """
        DPO_KERNEL(kernel)(const void *input, void *output, long long count)
        {
            for (long long i = dpo_thread(); i < count; i += dpo_threads())
                dpo_store((TO *)output, i, dpo_load((const FROM *)input, i));
        }
        """;

    private const string CopyVectors = """
        DPO_KERNEL(kernel)(const void *input, void *output, long long count)
        {
            const int width = dpo_width<TO>();
            for (long long i = (long long)dpo_thread() * width; i < count; i += dpo_threads() * width)
            {
                real x[width];
                if (dpo_is_aligned((const TO *)input + i))
                    dpo_load_vector((const TO *)input, i, x);
                if (dpo_is_aligned((const TO *)output + i))
                    dpo_store_vector((TO *)output, i, x);
            }
        }
        """;

    private static readonly EmulatedDevice Device = new() { Threads = 32 };

    [SkippableTheory]
    [InlineData("real float")]
    [InlineData("real double")]
    public void EveryHalfIsReadAndWrittenBack(string real)
    {
        Toolchain.Require(Toolchain.Gcc);
        var all = Enumerable.Range(0, 65536).Select(i => (ushort)i).ToArray();
        var values = new double[all.Length];
        PreludeKernels.Run(Device, Copy, "#define real double\n#define FROM dpo_half\n#define TO double", 1, all, values, (long)all.Length);
        Assert.Equal(all.Select(bits => (double)BitConverter.UInt16BitsToHalf(bits)), values);
        PreludeKernels.Run(Device, Copy, "#define real double\n#define FROM dpo_bfloat16\n#define TO double", 1, all, values, (long)all.Length);
        Assert.Equal(all.Select(bits => (double)BitConverter.UInt32BitsToSingle((uint)bits << 16)), values);

        foreach (var type in new[] { "dpo_half", "dpo_bfloat16" })
        {
            var back = new ushort[all.Length];
            foreach (var source in new[] { Copy, CopyVectors })
            {
                PreludeKernels.Run(Device, source, $"#define {real}\n#define FROM {type}\n#define TO {type}", 1, all, back, (long)all.Length);
                for (var i = 0; i < all.Length; i++)
                {
                    var isNaN = type == "dpo_half" ? Half.IsNaN(BitConverter.UInt16BitsToHalf(all[i])) : float.IsNaN(BitConverter.UInt32BitsToSingle((uint)all[i] << 16));
                    Assert.True(isNaN ? (back[i] & 0x7FFF) is 0x7E00 or 0x7FC0 : back[i] == all[i], $"{type} {all[i]:X4} comes back as {back[i]:X4}.");
                }
            }
        }
    }

    [SkippableFact]
    public void SinglesAreRoundedToEven()
    {
        Toolchain.Require(Toolchain.Gcc);
        var random = new Random(1);
        var x = Enumerable.Range(0, 100_000).Select(i => i % 4 == 0
            ? BitConverter.Int32BitsToSingle((random.Next(-32768, 32768) << 16) | (random.Next(4) << 14) | random.Next(2))
            : i % 4 == 1
                ? (float)BitConverter.UInt16BitsToHalf((ushort)random.Next(65536)) + (float)(Math.Pow(2, -25) * random.Next(3))
                : BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue))).Where(v => !float.IsNaN(v)).ToArray();
        var actual = new ushort[x.Length];
        PreludeKernels.Run(Device, Copy, "#define real float\n#define FROM float\n#define TO dpo_half", 1, x, actual, (long)x.Length);
        Assert.Equal(x.Select(v => BitConverter.HalfToUInt16Bits((Half)v)), actual);
        PreludeKernels.Run(Device, Copy, "#define real float\n#define FROM float\n#define TO dpo_bfloat16", 1, x, actual, (long)x.Length);
        Assert.Equal(x.Select(HalfPrecision.ToBFloat16), actual);
    }

    [SkippableFact]
    public void DoublesAreRoundedOnce()
    {
        Toolchain.Require(Toolchain.Gcc);
        var random = new Random(2);
        // Halfway between two, and a little beside: less than what a float keeps.
        var x = Enumerable.Range(0, 50_000).Select(_ =>
        {
            var half = (double)BitConverter.UInt16BitsToHalf((ushort)random.Next(0x7800));
            var next = (double)BitConverter.UInt16BitsToHalf((ushort)(BitConverter.HalfToUInt16Bits((Half)half) + 1));
            return ((half + next) / 2 * (1 + ((random.Next(3) - 1) * 1e-12))) * (random.Next(2) == 0 ? -1 : 1);
        }).Append(1e300).Append(-1e300).Append(double.PositiveInfinity).ToArray();
        var actual = new ushort[x.Length];
        PreludeKernels.Run(Device, Copy, "#define real double\n#define FROM double\n#define TO dpo_half", 1, x, actual, (long)x.Length);
        Assert.Equal(x.Select(v => BitConverter.HalfToUInt16Bits((Half)v)), actual);

        var y = x.Where(v => Math.Abs(v) is > 1e-4 and < 1e30).Select(v =>
        {
            var bits = BitConverter.DoubleToUInt64Bits(v) >> 45 << 45;
            return BitConverter.UInt64BitsToDouble(bits | (1UL << 44)) * (1 + ((random.Next(3) - 1) * 1e-14));
        }).ToArray();
        actual = new ushort[y.Length];
        PreludeKernels.Run(Device, Copy, "#define real double\n#define FROM double\n#define TO dpo_bfloat16", 1, y, actual, (long)y.Length);
        Assert.Equal(y.Select(ToBFloat16), actual);

        // Of the two neighbours the nearer one, else the even one.
        static ushort ToBFloat16(double v)
        {
            var below = (ushort)(BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle((uint)(BitConverter.DoubleToUInt64Bits(v) >> 63 << 31) | (BitConverter.SingleToUInt32Bits((float)Math.Abs(v)) & 0x7FFF0000))) >> 16);
            if (Math.Abs(Value(below)) > Math.Abs(v))
                below--;
            var above = (ushort)(below + 1);
            var (low, high) = (Math.Abs(v) - Math.Abs(Value(below)), Math.Abs(Value(above)) - Math.Abs(v));
            return low < high || (low == high && below % 2 == 0) ? below : above;
        }

        static double Value(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
    }

    [SkippableTheory]
    [InlineData("float")]
    [InlineData("double")]
    public void VectorsOfSinglesAndDoubles(string type)
    {
        Toolchain.Require(Toolchain.Gcc);
        var random = new Random(3);
        if (type == "float")
        {
            var x = Enumerable.Range(0, 1024).Select(_ => random.NextSingle()).ToArray();
            var y = new float[x.Length];
            PreludeKernels.Run(Device, CopyVectors, $"#define real float\n#define TO {type}", 1, x, y, (long)x.Length);
            Assert.Equal(x, y);
        }
        else
        {
            var x = Enumerable.Range(0, 1024).Select(_ => random.NextDouble()).ToArray();
            var y = new double[x.Length];
            PreludeKernels.Run(Device, CopyVectors, $"#define real double\n#define TO {type}", 1, x, y, (long)x.Length);
            Assert.Equal(x, y);
        }
    }

    [SkippableFact]
    public void IntegersAndConditionsAreReadAsNumbers()
    {
        Toolchain.Require(Toolchain.Gcc);
        var y = new double[4];
        PreludeKernels.Run(Device, Copy, "#define real double\n#define FROM signed char\n#define TO double", 1, new sbyte[] { -128, -1, 0, 127 }, y, 4L);
        Assert.Equal([-128, -1, 0, 127], y);
        PreludeKernels.Run(Device, Copy, "#define real double\n#define FROM unsigned char\n#define TO double", 1, new byte[] { 0, 1, 2, 255 }, y, 4L);
        Assert.Equal([0, 1, 2, 255], y);
        PreludeKernels.Run(Device, Copy, "#define real double\n#define FROM short\n#define TO double", 1, new short[] { -32768, -1, 0, 9 }, y, 4L);
        Assert.Equal([-32768, -1, 0, 9], y);
        PreludeKernels.Run(Device, Copy, "#define real double\n#define FROM int\n#define TO double", 1, new[] { int.MinValue, -1, 0, 9 }, y, 4L);
        Assert.Equal([int.MinValue, -1, 0, 9], y);
        PreludeKernels.Run(Device, Copy, "#define real double\n#define FROM long long\n#define TO double", 1, new[] { -5L, -1, 0, 1L << 40 }, y, 4L);
        Assert.Equal([-5, -1, 0, 1L << 40], y);
    }
}
