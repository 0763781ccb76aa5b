using System.Text;

namespace Align.Tokenizers;

/// <summary>GPT-2's way to write bytes in a vocabulary: those that print as themselves in Latin-1, and the 68 others as the characters from U+0100 on.</summary>
internal static class ByteCharacters
{
    private static readonly char[] Characters = new char[256];
    private static readonly Dictionary<char, byte> Values = [];

    static ByteCharacters()
    {
        var next = '\u0100';
        for (var value = 0; value < 256; value++)
        {
            Characters[value] = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)value : next++;
            Values[Characters[value]] = (byte)value;
        }
    }

    /// <summary>A text as its bytes are written.</summary>
    public static string Of(string text) => string.Concat(Encoding.UTF8.GetBytes(text).Select(value => Characters[value]));

    /// <summary>The bytes of a piece; a character that stands for none is itself.</summary>
    public static byte[] Bytes(string piece) => piece.All(Values.ContainsKey) ? [.. piece.Select(c => Values[c])] : Encoding.UTF8.GetBytes(piece);
}
