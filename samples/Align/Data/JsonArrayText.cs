using System.Text;

namespace Align.Data;

/// <summary>
/// Cuts the elements out of an array's text without reading all of it, and counts lines, which a JSON parser that streams does not tell for a value
/// that is well formed.
/// </summary>
internal sealed class JsonArrayText(TextReader reader, string path, int firstLine)
{
    private readonly StringBuilder text = new();
    private int line = firstLine;

    /// <summary>The text of each element, and the line on which it starts.</summary>
    public IEnumerable<(string Text, int Line)> Elements()
    {
        reader.Read();
        while (true)
        {
            var next = SkipWhitespace();
            if (next == ']')
                yield break;
            var start = line;
            var end = Element(start);
            yield return (text.ToString(), start);
            if (end == ']')
                yield break;
        }
    }

    /// <summary>Reads an element and the comma or bracket after it, which is returned.</summary>
    private int Element(int start)
    {
        text.Clear();
        var depth = 0;
        var isQuoted = false;
        while (reader.Read() is >= 0 and var next)
        {
            line += next == '\n' ? 1 : 0;
            if (!isQuoted && depth == 0 && (next is ',' or ']'))
                return next;
            text.Append((char)next);
            if (isQuoted && next == '\\' && reader.Peek() >= 0)
                text.Append((char)reader.Read());
            else if (next == '"')
                isQuoted = !isQuoted;
            else if (!isQuoted)
                depth += next is '{' or '[' ? 1 : next is '}' or ']' ? -1 : 0;
        }

        throw new DataException($"{path}:{start}: the file ends within the row that starts here.");
    }

    private int SkipWhitespace()
    {
        while (reader.Peek() is >= 0 and var next && char.IsWhiteSpace((char)next))
            line += reader.Read() == '\n' ? 1 : 0;
        return reader.Peek();
    }
}
