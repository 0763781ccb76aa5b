using System.Buffers.Binary;
using System.Text;

namespace Dpo.Autodiff.Native;

/// <summary>The version requirements of a 64-bit little-endian ELF library (its <c>.gnu.version_r</c>), found through its dynamic segment.</summary>
internal static class ElfVersions
{
    private const ushort Weak = 2;

    /// <summary>Marks one requirement weak, so that the loader does without it. Returns whether the image had it and has been changed.</summary>
    /// <exception cref="InvalidDataException">The image is not such a library.</exception>
    internal static bool Weaken(Span<byte> image, string library, string version)
    {
        try
        {
            return WeakenIn(image, library, version);
        }
        catch (Exception exception) when (exception is ArgumentOutOfRangeException or OverflowException)
        {
            throw new InvalidDataException("The library's headers point outside it.", exception);
        }
    }

    private static bool WeakenIn(Span<byte> image, string library, string version)
    {
        const long Needed = 0x6ffffffe;
        const long NeededCount = 0x6fffffff;
        const long Strings = 5;
        if (image.Length < 64 || !image[..6].SequenceEqual("\u007fELF\u0002\u0001"u8))
            throw new InvalidDataException("Not a 64-bit little-endian ELF library.");

        var dynamic = Dynamic(image);
        if (!dynamic.TryGetValue(Needed, out var needed) || !dynamic.TryGetValue(NeededCount, out var count) || !dynamic.TryGetValue(Strings, out var strings))
            return false;
        var names = Offset(image, strings);
        var entry = Offset(image, needed);
        var changed = false;
        for (var i = 0L; i < count; i++)
        {
            if (Text(image, names + Int32(image, entry + 4)) == library)
            {
                var aux = entry + Int32(image, entry + 8);
                for (var k = UInt16(image, entry + 2); k > 0; k--)
                {
                    if (Text(image, names + Int32(image, aux + 8)) == version)
                    {
                        BinaryPrimitives.WriteUInt16LittleEndian(image[(aux + 4)..], (ushort)(UInt16(image, aux + 4) | Weak));
                        changed = true;
                    }

                    aux += Int32(image, aux + 12);
                }
            }

            entry += Int32(image, entry + 12);
        }

        return changed;
    }

    private static Dictionary<long, long> Dynamic(ReadOnlySpan<byte> image)
    {
        const int DynamicSegment = 2;
        var tags = new Dictionary<long, long>();
        foreach (var segment in Segments(image))
        {
            if (segment.Type != DynamicSegment)
                continue;
            for (var at = segment.Offset; at < segment.Offset + segment.Size; at += 16)
                tags.TryAdd(Int64(image, at), Int64(image, at + 8));
        }

        return tags;
    }

    private static int Offset(ReadOnlySpan<byte> image, long address)
    {
        const int LoadSegment = 1;
        foreach (var segment in Segments(image))
        {
            if (segment.Type == LoadSegment && address >= segment.Address && address < segment.Address + segment.Size)
                return checked((int)(address - segment.Address) + segment.Offset);
        }

        throw new InvalidDataException("The library's tables are not in its image.");
    }

    private static (int Type, int Offset, long Address, int Size)[] Segments(ReadOnlySpan<byte> image)
    {
        var table = checked((int)Int64(image, 32));
        var size = UInt16(image, 54);
        var segments = new (int, int, long, int)[UInt16(image, 56)];
        for (var i = 0; i < segments.Length; i++)
        {
            var at = table + (i * size);
            segments[i] = (Int32(image, at), checked((int)Int64(image, at + 8)), Int64(image, at + 16), checked((int)Int64(image, at + 32)));
        }

        return segments;
    }

    private static ushort UInt16(ReadOnlySpan<byte> image, int at) => BinaryPrimitives.ReadUInt16LittleEndian(image[at..]);

    private static int Int32(ReadOnlySpan<byte> image, int at) => BinaryPrimitives.ReadInt32LittleEndian(image[at..]);

    private static long Int64(ReadOnlySpan<byte> image, int at) => BinaryPrimitives.ReadInt64LittleEndian(image[at..]);

    private static string Text(ReadOnlySpan<byte> image, int at)
    {
        var text = image[at..];
        return Encoding.UTF8.GetString(text[..text.IndexOf((byte)0)]);
    }
}
