using System.Text;
using Align.Checkpoints;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Checkpoints;

/// <summary>Files that are refused, and what is said of them.</summary>
public sealed class DamagedSafeTensorsTests
{
    // Stands for @ in a header.
    private const string A = """
        "a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}
        """;

    public static TheoryData<string, string> Headers => new()
    {
        { "", "does not begin with {" },
        { "[]", "does not begin with {" },
        { " {}", "does not begin with {" },
        { "\uFEFF{}", "does not begin with {" },
        { "{", "not JSON" },
        { "{}x", "not JSON" },
        { "{}\0", "not JSON" },
        { """{@,}""", "not JSON" },
        { """{@,@}""", "a is in the header twice" },
        { """{@,"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}""", "a is in the header twice" },
        { """{"__metadata__":{},@,"__metadata__":{}}""", "__metadata__ is in the header twice" },
        { """{"__metadata__":{"k":"1","k":"2"},@}""", "k is in __metadata__ twice" },
        { """{"__metadata__":{"k":1},@}""", "k in __metadata__ is not a text" },
        { """{"__metadata__":[],@}""", "__metadata__ is not an object" },
        { """{"a":[]}""", "a is not an object" },
        { """{"a":{"shape":[2],"data_offsets":[0,2]}}""", "no dtype" },
        { """{"a":{"dtype":"float32","shape":[2],"data_offsets":[0,2]}}""", "float32" },
        { """{"a":{"dtype":8,"shape":[2],"data_offsets":[0,2]}}""", "dtype 8" },
        { """{"a":{"dtype":"U8","data_offsets":[0,2]}}""", "no shape" },
        { """{"a":{"dtype":"U8","shape":2,"data_offsets":[0,2]}}""", "no shape" },
        { """{"a":{"dtype":"U8","shape":[2]}}""", "no data_offsets" },
        { """{"a":{"dtype":"U8","shape":[2],"shape":[2],"data_offsets":[0,2]}}""", "shape twice" },
        { """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0]}}""", "not a begin and an end" },
        { """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1,2]}}""", "not a begin and an end" },
        { """{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}""", "not a begin and an end" },
        { """{"a":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}}""", "-2 in its shape" },
        { """{"a":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}}""", "2.0 in its shape" },
        { """{"a":{"dtype":"U8","shape":["2"],"data_offsets":[0,2]}}""", "\"2\" in its shape" },
        { """{"a":{"dtype":"U8","shape":[null],"data_offsets":[0,2]}}""", "null in its shape" },
        { """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,18446744073709551618]}}""", "18446744073709551618 in its data_offsets" },
        { """{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,2]}}""", "9223372036854775808 in its shape" },
        // 2^32 * 2^32 wraps round to nothing, 2^62 * 4 bytes too.
        { """{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", "more than can be counted" },
        { """{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}""", "more than can be counted" },
        { """{"a":{"dtype":"U8","shape":[4611686018427387904,4611686018427387904,0],"data_offsets":[0,0]}}""", "more than can be counted" },
        { """{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,2]}}""", "3 bytes, but has 2" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,2]}}""", "8 bytes, but has 2" },
        { """{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,2]}}""", "0 bytes, but has 2" },
        { """{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", "F4 [3]" },
        { """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "longer than its header says" },
        { "{}", "longer than its header says" },
        { """{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}""", "truncated" },
        { """{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", "belong to nothing" },
        { """{"a":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}""", "belong to nothing" },
        { """{@,"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", "overlap" },
        { """{@,"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", "overlap" },
        { """{@,"b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}""", "overlap" },
        { """{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}""", "more than can be counted" },
        { """{"a":{"dtype":"U8","shape":[1152921504606846976],"data_offsets":[0,1152921504606846976]}}""", "truncated" },
        { """{"a\ud800":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", "not " },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public void RefusesHeaders(string json, string says)
    {
        using var folder = new TemporaryFolder();
        Refused(SafeTensorsTests.Write(folder, json.Replace("@", A, StringComparison.Ordinal), [1, 2]), says);
    }

    [Fact]
    public void RefusesHeadersThatAreNotUtf8()
    {
        using var folder = new TemporaryFolder();
        byte[] json = [.. "{\""u8, 0xFF, .. "\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}"u8];
        File.WriteAllBytes(folder["x.safetensors"], [.. BitConverter.GetBytes((ulong)json.Length), .. json, 1, 2]);
        Refused(folder["x.safetensors"], "header");
    }

    public static TheoryData<byte[], string> Beginnings => new()
    {
        { [], "empty" },
        { [1, 2, 3, 4, 5, 6, 7], "begins with 8" },
        { [.. BitConverter.GetBytes(3UL), .. "{}"u8], "truncated" },
        { [.. BitConverter.GetBytes(0UL), .. "{}"u8], "does not begin with {" },
        { [.. BitConverter.GetBytes(100_000_001UL), .. "{}"u8], "100000000" },
        { [.. BitConverter.GetBytes(ulong.MaxValue), .. "{}"u8], "100000000" },
        { [.. BitConverter.GetBytes(unchecked((ulong)-8L)), .. "{}"u8], "100000000" },
        { Encoding.UTF8.GetBytes("version https://git-lfs.github.com/spec/v1\noid sha256:0000"), "not a safetensors file" },
    };

    [Theory]
    [MemberData(nameof(Beginnings))]
    public void RefusesFiles(byte[] bytes, string says)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x.safetensors"], bytes);
        Refused(folder["x.safetensors"], says);
    }

    [Fact]
    public void RefusesEveryTruncation()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        SafeTensors.Write(folder["whole"], new Dictionary<string, Tensor> { ["a"] = arange(5), ["b"] = ones(3, 2) });
        var bytes = File.ReadAllBytes(folder["whole"]);
        for (var length = 0; length < bytes.Length; length++)
        {
            File.WriteAllBytes(folder["part"], bytes[..length]);
            Assert.Throws<CheckpointException>(() => SafeTensors.Read(folder["part"]));
        }
    }

    /// <summary>Whatever bytes are changed, either a file is read or it is said what is wrong with it.</summary>
    [Fact]
    public void ChangedBytesNeverDoHarm()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        SafeTensors.Write(folder["whole"], new Dictionary<string, Tensor> { ["a"] = arange(5), ["b"] = ones(3, 2) }, new Dictionary<string, string> { ["format"] = "pt" });
        var bytes = File.ReadAllBytes(folder["whole"]);
        var random = new Random(3);
        for (var i = 0; i < 2000; i++)
        {
            var changed = (byte[])bytes.Clone();
            for (var change = random.Next(1, 4); change > 0; change--)
                changed[random.Next(changed.Length)] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)"{}[]\",:0129"[random.Next(11)];
            File.WriteAllBytes(folder["changed"], changed);
            try
            {
                foreach (var tensor in SafeTensors.Read(folder["changed"]).Values)
                    tensor.Dispose();
            }
            catch (CheckpointException)
            {
            }
        }
    }

    [Fact]
    public void MissingFilesAndFoldersAreSaidToBe()
    {
        using var folder = new TemporaryFolder();
        Refused(folder["missing.safetensors"], "");
        Refused(folder.Path, "");
    }

    private static void Refused(string path, string says)
    {
        var exception = Assert.Throws<CheckpointException>(() => SafeTensors.Read(path));
        Assert.StartsWith(path, exception.Message, StringComparison.Ordinal);
        Assert.True(exception.Message.Contains(says, StringComparison.Ordinal), exception.Message);
    }
}
