using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Align.Reporting;

/// <summary>
/// Writes scalars for TensorBoard: records of TensorFlow's framing (length, its masked CRC32C, data, its masked CRC32C), each an <c>Event</c> message of
/// protocol buffers.
/// </summary>
internal sealed class EventFile : IDisposable
{
    private readonly FileStream stream;

    /// <summary>Begins a file in a folder. A run that is resumed begins another one: TensorBoard shows all of a folder's as one run.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="time">Seconds since 1970, by which TensorBoard orders the files.</param>
    public EventFile(string folder, double time)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{(long)time}.{Environment.MachineName}.{Environment.ProcessId}");
        stream = new FileStream(Path.Combine(folder, name), FileMode.Append, FileAccess.Write, FileShare.Read);
        Write(new Message().Add(1, time).Add(3, "brain.Event:2"));
    }

    /// <summary>Writes scalars of one step.</summary>
    public void Write(int step, double time, IReadOnlyList<(string Name, double Value)> scalars)
    {
        var summary = new Message();
        foreach (var (name, value) in scalars)
            summary.Add(1, new Message().Add(1, name).Add(2, (float)value));
        Write(new Message().Add(1, time).Add(2, step).Add(5, summary));
    }

    /// <summary>The masked checksum of the framing: CRC32C (Castagnoli), rotated by 15 bits, plus a constant.</summary>
    public static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
            crc = BitOperations.Crc32C(crc, value);
        return unchecked(BitOperations.RotateRight(~crc, 15) + 0xa282ead8u);
    }

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();

    private void Write(Message message)
    {
        var data = message.Bytes;
        Span<byte> frame = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], MaskedCrc(frame[..8]));
        stream.Write(frame);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32LittleEndian(frame, MaskedCrc(data));
        stream.Write(frame[..4]);
        stream.Flush();
    }

    /// <summary>A message of protocol buffers: fields of the few types that events have.</summary>
    private sealed class Message
    {
        private const int Varint = 0;
        private const int Fixed64 = 1;
        private const int Delimited = 2;
        private const int Fixed32 = 5;
        private readonly List<byte> bytes = [];

        public ReadOnlySpan<byte> Bytes => bytes.ToArray();

        public Message Add(int field, double value)
        {
            Tag(field, Fixed64);
            bytes.AddRange(BitConverter.GetBytes(BitConverter.DoubleToUInt64Bits(value)));
            return this;
        }

        public Message Add(int field, float value)
        {
            Tag(field, Fixed32);
            bytes.AddRange(BitConverter.GetBytes(BitConverter.SingleToUInt32Bits(value)));
            return this;
        }

        public Message Add(int field, long value)
        {
            Tag(field, Varint);
            Number((ulong)value);
            return this;
        }

        public Message Add(int field, string value) => Add(field, Encoding.UTF8.GetBytes(value));

        public Message Add(int field, Message value) => Add(field, value.Bytes);

        private Message Add(int field, ReadOnlySpan<byte> value)
        {
            Tag(field, Delimited);
            Number((ulong)value.Length);
            bytes.AddRange(value);
            return this;
        }

        private void Tag(int field, int type) => Number((ulong)((field << 3) | type));

        private void Number(ulong value)
        {
            for (; value >= 0x80; value >>= 7)
                bytes.Add((byte)(value | 0x80));
            bytes.Add((byte)value);
        }
    }
}
