using System.Text;

namespace BradleyTerry.Data;

/// <summary>One record of a file, with the line on which it starts.</summary>
internal readonly record struct CsvRecord(int Line, IReadOnlyList<string> Fields);

/// <summary>Reads comma-separated values as RFC 4180 has them: quoted fields may hold commas, doubled quotes and line breaks.</summary>
/// <param name="text">The whole text.</param>
/// <param name="file">The file's name, for errors.</param>
internal sealed class CsvReader(string text, string file)
{
    private int at = text.StartsWith('\uFEFF') ? 1 : 0;
    private int line = 1;

    /// <summary>The next record; blank lines are passed over.</summary>
    /// <returns>Null at the end.</returns>
    /// <exception cref="DataException">A quoted field is not closed, or something other than a comma follows it.</exception>
    public CsvRecord? Read()
    {
        while (at < text.Length)
        {
            var start = line;
            var fields = new List<string> { Field() };
            while (Take(','))
                fields.Add(Field());
            Take('\n');
            line++;
            if (fields is not [""])
                return new CsvRecord(start, fields);
        }

        return null;
    }

    private string Field()
    {
        SkipBlanks();
        if (Take('"'))
            return Quoted();
        var begin = at;
        while (!IsAtFieldEnd())
            at++;
        return text[begin..at].Trim();
    }

    private string Quoted()
    {
        var start = line;
        var field = new StringBuilder();
        while (at < text.Length)
        {
            var character = text[at++];
            if (character == '"' && !Take('"'))
                return Closed(field.ToString());
            line += character == '\n' ? 1 : 0;
            field.Append(character);
        }

        throw new DataException($"{file}:{start}: a quoted field is not closed.");
    }

    private string Closed(string field)
    {
        SkipBlanks();
        return IsAtFieldEnd() ? field : throw new DataException($"{file}:{line}: a comma is missing after \"{field}\".");
    }

    private bool Take(char character)
    {
        if (at == text.Length || text[at] != character)
            return false;
        at++;
        return true;
    }

    private void SkipBlanks()
    {
        while (at < text.Length && text[at] is ' ' or '\t' or '\r')
            at++;
    }

    private bool IsAtFieldEnd() => at == text.Length || text[at] is ',' or '\n';
}
