using System.Text;
using Align.Checkpoints;
using Align.Tokenizers;
using Dpo.Autodiff.Align.Tests.Harness;

namespace Dpo.Autodiff.Align.Tests.Tokenizers;

/// <summary>llama2.c's tokenizer against its own algorithm, written as llama2.c has it.</summary>
public sealed class Llama2CTokenizerTests
{
    private const string File512 = "models/stories260K/tok512.bin";

    public static TheoryData<string> Texts =>
    [
        "", " ", "a", "Once upon a time", "  two  spaces ", "Lily's mom said, \"Lily, let's go!\"\nThen", "ünïcödé, 漢字 and 👩‍🚀!", "<s> is text here </s>",
        "\t\r\n\0", "aaaaaaaaaaaaaaaaaaaaaaaa", "▁ is not a space", "<0x41>",
    ];

    [SkippableTheory]
    [MemberData(nameof(Texts))]
    public void IdsAreThoseOfTheQuadraticLoop(string text)
    {
        var path = SharedData.Need(File512);
        Assert.Equal(QuadraticLoop(path, text), Llama2CTokenizer.Read(path).Encode(text));
    }

    [SkippableTheory]
    [MemberData(nameof(Texts))]
    public void TextComesBack(string text)
    {
        var tokenizer = Llama2CTokenizer.Read(SharedData.Need(File512));
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, continues: true), continues: true));
        Assert.Equal(text, tokenizer.Decode([tokenizer.Beginning!.Value, .. tokenizer.Encode(text), tokenizer.End!.Value]));
    }

    [SkippableFact]
    public void PlaysComeOutAsTheQuadraticLoopHasThem()
    {
        var path = SharedData.Need(File512);
        var text = File.ReadAllText(SharedData.Need("text/tinyshakespeare.txt"));
        var tokenizer = Llama2CTokenizer.Read(path);
        var random = new Random(1);
        for (var i = 0; i < 30; i++)
        {
            var begin = random.Next(text.Length - 400);
            var part = text.Substring(begin, random.Next(400));
            Assert.Equal(QuadraticLoop(path, part), tokenizer.Encode(part));
        }
    }

    [SkippableFact]
    public void WhatContinuesHasNoSpaceBefore()
    {
        var tokenizer = Llama2CTokenizer.Read(SharedData.Need(File512));
        var (prompt, rest) = (tokenizer.Encode("Once upon"), tokenizer.Encode(" a time", continues: true));
        Assert.Equal(tokenizer.Encode("Once upon a time"), [.. prompt, .. rest]);
        Assert.Equal(" a time", tokenizer.Decode(rest, continues: true));
    }

    [SkippableFact]
    public void RefusesDamagedFiles()
    {
        var bytes = File.ReadAllBytes(SharedData.Need(File512));
        using var folder = new TemporaryFolder();
        string Message(byte[] content)
        {
            File.WriteAllBytes(folder["tok.bin"], content);
            return Assert.Throws<CheckpointException>(() => Llama2CTokenizer.Read(folder["tok.bin"])).Message;
        }

        Assert.Contains("truncated", Message(bytes[..^1]), StringComparison.Ordinal);
        Assert.Contains("truncated", Message([.. bytes, 0]), StringComparison.Ordinal);
        Assert.Contains("empty", Message([]), StringComparison.Ordinal);
        Assert.Contains("0 pieces", Message(bytes[..4]), StringComparison.Ordinal);
        Assert.Contains("UTF-8", Message([.. bytes, 0, 0, 0, 0, 1, 0, 0, 0, 0xff]), StringComparison.Ordinal);
        Assert.Contains("truncated", Message([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), StringComparison.Ordinal);
    }

    /// <summary>llama2.c's <c>encode</c>: characters or bytes, then the best neighbours over and over.</summary>
    private static List<int> QuadraticLoop(string path, string text)
    {
        var (pieces, scores) = (new List<string>(), new List<float>());
        using (var reader = new BinaryReader(File.OpenRead(path)))
        {
            reader.ReadInt32();
            while (reader.BaseStream.Position < reader.BaseStream.Length)
            {
                scores.Add(reader.ReadSingle());
                pieces.Add(Encoding.UTF8.GetString(reader.ReadBytes(reader.ReadInt32())));
            }
        }

        var ids = new List<int>();
        if (text != "")
            ids.Add(pieces.IndexOf(" "));
        foreach (var rune in text.EnumerateRunes())
        {
            var id = pieces.IndexOf(rune.ToString());
            if (id >= 0)
                ids.Add(id);
            else
                ids.AddRange(Encoding.UTF8.GetBytes(rune.ToString()).Select(b => b + 3));
        }

        while (true)
        {
            var (score, merged, at) = (-1e10f, -1, -1);
            for (var i = 0; i + 1 < ids.Count; i++)
            {
                var id = pieces.IndexOf(pieces[ids[i]] + pieces[ids[i + 1]]);
                if (id >= 0 && scores[id] > score)
                    (score, merged, at) = (scores[id], id, i);
            }

            if (at < 0)
                return ids;
            ids[at] = merged;
            ids.RemoveAt(at + 1);
        }
    }
}
