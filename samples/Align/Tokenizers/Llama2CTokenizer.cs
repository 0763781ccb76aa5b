using System.Buffers.Binary;
using System.Text;
using Align.Checkpoints;

namespace Align.Tokenizers;

/// <summary>
/// llama2.c's <c>tokenizer.bin</c>: the length of the longest piece, then for each id a score (float32), a length (int32) and as many bytes of UTF-8.
/// Of all neighbours whose concatenation is a piece, those of the highest score are merged first.
/// </summary>
internal static class Llama2CTokenizer
{
    private const int Unknown = 0;
    private const int Beginning = 1;
    private const int End = 2;

    /// <summary>Reads a tokenizer.</summary>
    /// <exception cref="CheckpointException">The file is missing or damaged.</exception>
    public static ITokenizer Read(string path)
    {
        using var file = MappedFile.Open(path);
        var (pieces, scores) = Pieces(file);
        if (pieces.Count <= End)
            throw new CheckpointException($"{path}: {pieces.Count} pieces; the first three are those of unknown characters, of the beginning and of the end of a text.");
        AddedToken[] marks = [new(Unknown, "<unk>", true), new(Beginning, "<s>", true), new(End, "</s>", true)];
        // llama2.c itself does not look for marks in a text.
        var merges = Merges(pieces, scores);
        var rules = new PieceRules(pieces, merges, new AddedTokens(marks, areWritten: false), ' ', SpacePrefix.EveryPart) { Unknown = Unknown, Beginning = Beginning, End = End };
        return new PieceTokenizer(rules, folder => LlamaTokenizerJson.Write(folder, rules));
    }

    private static (List<string> Pieces, List<float> Scores) Pieces(MappedFile file)
    {
        var (pieces, scores) = (new List<string>(), new List<float>());
        var strict = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        long at = sizeof(int);
        while (at < file.Length)
        {
            var length = file.Length - at < 8 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(file.Bytes(at + sizeof(float), sizeof(int)));
            if (length < 0 || length > file.Length - at - 8)
                throw new CheckpointException($"{file.Path}: piece {pieces.Count} goes over the end of the file: it is truncated, or not a tokenizer of llama2.c.");
            scores.Add(BinaryPrimitives.ReadSingleLittleEndian(file.Bytes(at, sizeof(float))));
            try
            {
                pieces.Add(strict.GetString(file.Bytes(at + 8, length)));
            }
            catch (DecoderFallbackException exception)
            {
                throw new CheckpointException($"{file.Path}: piece {pieces.Count} is not UTF-8: not a tokenizer of llama2.c.", exception);
            }

            at += 8 + length;
        }

        return (pieces, scores);
    }

    /// <summary>Every way to write a piece as two others. All that make one piece have its rank: the leftmost goes first, as in llama2.c.</summary>
    private static PairMerges Merges(List<string> pieces, List<float> scores)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = End + 1; id < pieces.Count; id++)
        {
            if (PieceTokenizer.ByteOf(pieces[id]) is null)
                ids.TryAdd(pieces[id], id);
        }

        var merges = new PairMerges();
        var rank = 0;
        foreach (var (piece, id) in ids.OrderByDescending(p => scores[p.Value]).ThenBy(p => p.Value))
        {
            for (var cut = 1; cut < piece.Length; cut++)
            {
                if (ids.TryGetValue(piece[..cut], out var left) && ids.TryGetValue(piece[cut..], out var right))
                    merges.Add(left, right, rank, id);
            }

            rank++;
        }

        return merges;
    }
}
