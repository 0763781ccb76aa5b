using System.Buffers.Binary;
using System.Text;
using Align.Reporting;
using Dpo.Autodiff.Align.Tests.Harness;

namespace Dpo.Autodiff.Align.Tests.Reporting;

public sealed class EventFileTests
{
    /// <summary>CRC32C of "123456789" is 0xe3069283 (RFC 3720); masked by rotation and the constant of TensorFlow's record format.</summary>
    [Fact]
    public void The_checksum_is_castagnolis_masked() =>
        Assert.Equal(unchecked(((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u), EventFile.MaskedCrc(Encoding.ASCII.GetBytes("123456789")));

    [Fact]
    public void TensorBoards_own_messages_read_what_is_written()
    {
        using var folder = new TemporaryFolder();
        using (var file = new EventFile(folder.Path, 1000.5))
        {
            file.Write(7, 1001.5, [("loss", 0.25), ("rewards/margins", -3)]);
            file.Write(300, 1002.5, [("loss", double.NaN)]);
        }

        var events = Records(File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder.Path)))).Select(r => Tensorboard.Event.Parser.ParseFrom(r)).ToArray();
        Assert.Equal(3, events.Length);
        Assert.Equal(("brain.Event:2", 1000.5), (events[0].FileVersion, events[0].WallTime));
        Assert.Equal((7, 1001.5), (events[1].Step, events[1].WallTime));
        Assert.Equal([("loss", 0.25f), ("rewards/margins", -3f)], events[1].Summary.Value.Select(v => (v.Tag, v.SimpleValue)));
        Assert.Equal(300, events[2].Step);
        Assert.True(float.IsNaN(events[2].Summary.Value[0].SimpleValue));
    }

    private static IEnumerable<byte[]> Records(byte[] bytes)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
            Assert.Equal(EventFile.MaskedCrc(bytes.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)));
            var data = bytes[(at + 12)..(at + 12 + length)];
            Assert.Equal(EventFile.MaskedCrc(data), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)));
            yield return data;
            at += length + 16;
        }
    }
}
