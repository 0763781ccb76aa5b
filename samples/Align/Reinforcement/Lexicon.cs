using System.Globalization;
using Align.Data;

namespace Align.Reinforcement;

/// <summary>
/// Words with a valence: the format of VADER's lexicon (Hutto and Gilbert 2014), a word, a tab, its mean valence. A text's sentiment is VADER's compound
/// score of the sum, <c>s / sqrt(s^2 + 15)</c>, without its rules for negation and emphasis.
/// </summary>
internal sealed class Lexicon
{
    private const double Normaliser = 15;
    private readonly Dictionary<string, double> valences = new(StringComparer.OrdinalIgnoreCase);

    private Lexicon()
    {
    }

    /// <summary>Reads a lexicon.</summary>
    public static Lexicon Read(string path)
    {
        var lexicon = new Lexicon();
        try
        {
            var line = 0;
            foreach (var text in File.ReadLines(path))
            {
                line++;
                if (string.IsNullOrWhiteSpace(text))
                    continue;
                var cells = text.Split('\t');
                if (cells.Length < 2 || !double.TryParse(cells[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var valence))
                    throw new DataException($"{path}:{line}: not a word, a tab and its valence.");
                lexicon.valences[cells[0]] = valence;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path}: {exception.Message}");
        }

        return lexicon;
    }

    /// <summary>The sentiment of a text, between -1 and 1.</summary>
    public double Sentiment(string text)
    {
        var sum = 0.0;
        foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (valences.TryGetValue(word.Trim('.', ',', '!', '?', '"', '\'', ';', ':', '(', ')'), out var valence))
                sum += valence;
        }

        return sum / Math.Sqrt((sum * sum) + Normaliser);
    }
}
