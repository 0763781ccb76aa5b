using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Align.Checkpoints;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Checkpoints;

/// <summary>What is written, byte by byte, and every legal file that others write.</summary>
public sealed class SafeTensorsTests
{
    [Fact]
    public void WritesTheFormatByteByByte()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var tensors = new Dictionary<string, Tensor>
        {
            ["b"] = tensor(new float[,] { { 1, -2, 0.5f } }),
            ["a"] = tensor(new float[] { 3 }),
            ["half"] = tensor(new float[] { 1, 2 }).to(ScalarType.BFloat16),
            ["count"] = tensor(7L),
            ["none"] = zeros([0, 4]),
        };
        SafeTensors.Write(folder["x.safetensors"], tensors, new Dictionary<string, string> { ["format"] = "pt" });
        // The longest elements first, then by name.
        const string Json = """
            {"__metadata__":{"format":"pt"},"count":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[1,3],"data_offsets":[12,24]},"none":{"dtype":"F32","shape":[0,4],"data_offsets":[24,24]},"half":{"dtype":"BF16","shape":[2],"data_offsets":[24,28]}}
            """;
        var padded = Json.PadRight((Json.Length + 7) / 8 * 8);
        byte[] expected =
        [
            .. BitConverter.GetBytes((ulong)padded.Length), .. Encoding.UTF8.GetBytes(padded), .. BitConverter.GetBytes(7L), .. BitConverter.GetBytes(3f),
            .. BitConverter.GetBytes(1f), .. BitConverter.GetBytes(-2f), .. BitConverter.GetBytes(0.5f), 0x80, 0x3F, 0x00, 0x40,
        ];
        Assert.Equal(expected, File.ReadAllBytes(folder["x.safetensors"]));
    }

    [Theory]
    [InlineData(ScalarType.Bool, "BOOL")]
    [InlineData(ScalarType.Byte, "U8")]
    [InlineData(ScalarType.Int8, "I8")]
    [InlineData(ScalarType.Int16, "I16")]
    [InlineData(ScalarType.Int32, "I32")]
    [InlineData(ScalarType.Int64, "I64")]
    [InlineData(ScalarType.Float16, "F16")]
    [InlineData(ScalarType.BFloat16, "BF16")]
    [InlineData(ScalarType.Float32, "F32")]
    [InlineData(ScalarType.Float64, "F64")]
    [InlineData(ScalarType.ComplexFloat32, "C64")]
    public void EveryDTypeGoesThereAndBack(ScalarType dtype, string name)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var written = tensor(new double[,] { { 0, 1, 2 }, { 0, 1, 1 } }).to(dtype);
        // Neither contiguous nor at the beginning of its memory.
        var tensors = new Dictionary<string, Tensor> { ["w"] = written[.., 1..].t(), ["scalar"] = written[1, 1], ["empty"] = written[0..0] };
        SafeTensors.Write(folder["x.safetensors"], tensors);
        using (var file = SafeTensorsFile.Open(folder["x.safetensors"]))
            Assert.All(file.Tensors.Values, entry => Assert.Equal(name, entry.DType));
        var read = SafeTensors.Read(folder["x.safetensors"]);
        Assert.Equal(tensors.Keys.Order(), read.Keys.Order());
        foreach (var (key, expected) in tensors)
        {
            Assert.Equal(dtype, read[key].dtype);
            Assert.Equal(expected.shape, read[key].shape);
            Assert.True(expected.eq(read[key]).all().item<bool>());
        }
    }

    public static TheoryData<string, string, byte[]> Legal => new()
    {
        { "nothing", "{}", [] },
        { "spaces after", """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}       """, [1, 2] },
        { "spaces between", "{ \"a\" :\n\t{ \"shape\" : [ 2 ] , \"data_offsets\" : [ 0 , 2 ] , \"dtype\" : \"U8\" } }", [1, 2] },
        { "length not a multiple of 8", """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}} """, [1, 2] },
        { "metadata last", """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"__metadata__":{"format":"pt","":"x"}}""", [1, 2] },
        { "empty metadata", """{"__metadata__":{},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", [1, 2] },
        { "escapes", """{"\u0061":{"dt\u0079pe":"U8","shape":[2],"data_offsets":[0,2]}}""", [1, 2] },
        { "unknown fields", """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"note":{"x":[1]}}}""", [1, 2] },
        { "any order", """{"z":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", [1, 2, 3] },
        { "zero-size between", """{"e":{"dtype":"F32","shape":[3,0],"data_offsets":[2,2]},"z":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", [1, 2, 3] },
        { "zero-size first and last", """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"f":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},"l":{"dtype":"I64","shape":[0],"data_offsets":[2,2]}}""", [1, 2] },
        { "not aligned", """{"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}}""", [1, 2, 3, 0, 0, 128, 63] },
    };

    [Theory]
    [MemberData(nameof(Legal))]
    public void ReadsOddButLegalHeaders(string what, string json, byte[] data)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var tensors = SafeTensors.Read(Write(folder, json, data));
        if (what != "nothing")
            Assert.Equal(new byte[] { 1, 2 }, tensors["a"].data<byte>().ToArray());
        if (tensors.TryGetValue("w", out var w))
            Assert.Equal(1f, w.item<float>());
        Assert.Equal(what.Contains("zero-size", StringComparison.Ordinal), tensors.Values.Any(t => t.numel() == 0));
    }

    [Fact]
    public void MetadataIsKept()
    {
        using var folder = new TemporaryFolder();
        SafeTensors.Write(folder["x.safetensors"], new Dictionary<string, Tensor>(), new Dictionary<string, string> { ["ключ \"\\"] = "wert\n", ["format"] = "pt" });
        using var file = SafeTensorsFile.Open(folder["x.safetensors"]);
        Assert.Equal("wert\n", file.Metadata["ключ \"\\"]);
        Assert.Equal(0, (new FileInfo(folder["x.safetensors"]).Length) % 8);
    }

    [Fact]
    public void TensorsThatTorchSharpLacksAreRefusedAndTheOthersRead()
    {
        using var folder = new TemporaryFolder();
        var path = Write(folder, """{"q":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"f":{"dtype":"F4","shape":[2],"data_offsets":[3,4]}}""", [1, 2, 3, 4]);
        using (var file = SafeTensorsFile.Open(path))
        {
            using var a = file.Read("a");
            Assert.Equal(3, a.item<byte>());
        }

        Assert.Contains("q is F8_E4M3", Assert.Throws<CheckpointException>(() => SafeTensors.Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WritesNothingItCannotWriteAndKeepsWhatWasThere()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["x.safetensors"], "before");
        using var complex = zeros([1], ScalarType.ComplexFloat64);
        using var bytes = zeros([1], ScalarType.Byte);
        Assert.Throws<CheckpointException>(() => SafeTensors.Write(folder["x.safetensors"], new Dictionary<string, Tensor> { ["c"] = complex }));
        Assert.Throws<CheckpointException>(() => SafeTensors.Write(folder["x.safetensors"], new Dictionary<string, Tensor> { ["__metadata__"] = bytes }));
        Assert.Throws<CheckpointException>(() => SafeTensors.Write(folder["missing/x.safetensors"], new Dictionary<string, Tensor> { ["b"] = bytes }));
        Assert.Equal("before", File.ReadAllText(folder["x.safetensors"]));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void OrderOfTheDictionaryDoesNotChangeTheFile()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var tensors = Enumerable.Range(0, 20).Select(i => KeyValuePair.Create($"t{i}", arange(i))).ToArray();
        SafeTensors.Write(folder["x"], new Dictionary<string, Tensor>(tensors));
        SafeTensors.Write(folder["y"], new Dictionary<string, Tensor>(tensors.Reverse()));
        Assert.Equal(File.ReadAllBytes(folder["x"]), File.ReadAllBytes(folder["y"]));
        var json = File.ReadAllBytes(folder["x"]).AsMemory(8, (int)BinaryPrimitives.ReadUInt64LittleEndian(File.ReadAllBytes(folder["x"])));
        using var header = JsonDocument.Parse(json);
        Assert.Equal(20, header.RootElement.EnumerateObject().Count());
    }

    internal static string Write(TemporaryFolder folder, string json, byte[] data)
    {
        var header = Encoding.UTF8.GetBytes(json);
        File.WriteAllBytes(folder["x.safetensors"], [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. data]);
        return folder["x.safetensors"];
    }
}
