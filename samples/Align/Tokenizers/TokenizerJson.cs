using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Align.Checkpoints;
using Align.Model;

namespace Align.Tokenizers;

/// <summary>Reads Hugging Face's <c>tokenizer.json</c>: byte-pair encodings, of bytes or in the manner of the first Llamas, and lists of words.</summary>
internal sealed class TokenizerJson
{
    private readonly string path;
    private readonly JsonElement root;
    private readonly JsonElement model;
    private readonly TokenizerFiles files;
    private readonly Dictionary<string, int> vocabulary = new(StringComparer.Ordinal);
    private readonly AddedTokens added;

    private TokenizerJson(string path, JsonElement root)
    {
        (this.path, this.root, files) = (path, root, new TokenizerFiles(path));
        model = Section(root, "model") ?? throw Refused("there is no model");
        added = new AddedTokens(Added());
        foreach (var (piece, id) in Vocabulary())
        {
            if (!vocabulary.TryAdd(piece, id))
                throw Refused($"{piece} is in the vocabulary twice");
        }
    }

    /// <summary>Reads a tokenizer.</summary>
    /// <param name="path">The file; others are looked for beside it.</param>
    /// <param name="config">The model's configuration, which says what begins and ends a text where the files do not; null if there is none.</param>
    /// <exception cref="CheckpointException">The file is damaged, or is that of another kind of tokenizer.</exception>
    public static ITokenizer Read(string path, LlamaConfig? config)
    {
        using var document = JsonFile.Read(path);
        try
        {
            return new TokenizerJson(path, document.RootElement).Build(config);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or FormatException or KeyNotFoundException)
        {
            // A value of another kind than the format has.
            throw new CheckpointException($"{path}: not a tokenizer: {exception.Message}", exception);
        }
    }

    private ITokenizer Build(LlamaConfig? config)
    {
        var kind = Text(model, "type") ?? (model.TryGetProperty("merges", out _) ? "BPE" : "missing");
        var isByteLevel = PreTokenizers().Any(p => Text(p, "type") == "ByteLevel");
        var marks = TextMarks.Read(path, root, added, vocabulary, config, mustBeAsked: isByteLevel);
        switch (kind)
        {
            case "WordLevel":
                if (PreTokenizers().Any(p => Text(p, "type") != "WhitespaceSplit") || !PreTokenizers().Any() || Section(root, "normalizer") is not null)
                    throw Refused("a list of words is read with the pre-tokenizer WhitespaceSplit, and nothing else");
                return new WordLevelTokenizer(vocabulary, added, Text(model, "unk_token"), marks, files.Save);
            case not "BPE":
                throw Refused($"the model is {kind}; BPE and WordLevel are read");
        }

        foreach (var affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (Text(model, affix) is { Length: > 0 } text)
                throw Refused($"{affix} is \"{text}\"; tokenizers without one are read");
        }

        return isByteLevel
            ? new ByteLevelTokenizer(vocabulary, Merges(), added, Flag(model, "ignore_merges"), Splitters(), Normalizers(), marks, files.Save)
            : Pieces(marks);
    }

    /// <summary>In the manner of the first Llamas: spaces are U+2581, by a normalizer or by the pre-tokenizer Metaspace.</summary>
    private PieceTokenizer Pieces(TextMarks marks)
    {
        const char Space = '\u2581';
        var prefix = SpacePrefix.None;
        var isReplaced = false;
        foreach (var step in Steps("normalizer", "normalizers"))
        {
            switch (Text(step, "type"))
            {
                case "Prepend" when Text(step, "prepend") == $"{Space}" && !isReplaced:
                    prefix = SpacePrefix.EveryPart;
                    break;
                case "Replace" when Section(step, "pattern") is { } pattern && Text(pattern, "String") == " " && Text(step, "content") == $"{Space}":
                    isReplaced = true;
                    break;
                default:
                    throw Refused($"the normalizer {step.GetRawText()} is not one of the first Llamas'");
            }
        }

        var splits = false;
        foreach (var step in PreTokenizers())
        {
            if (Text(step, "type") != "Metaspace" || Text(step, "replacement") != $"{Space}" || isReplaced)
                throw Refused($"the pre-tokenizer {step.GetRawText()} is not read: ByteLevel, or Metaspace with U+2581, is");
            isReplaced = true;
            splits = !step.TryGetProperty("split", out var split) || split.GetBoolean();
            var scheme = Text(step, "prepend_scheme") ?? (step.TryGetProperty("add_prefix_space", out var old) && !old.GetBoolean() ? "never" : "always");
            prefix = scheme switch
            {
                "never" => SpacePrefix.None,
                "first" => SpacePrefix.FirstWithoutSpace,
                "always" => SpacePrefix.EveryPartWithoutSpace,
                _ => throw Refused($"prepend_scheme is {scheme}; first, always and never are read"),
            };
        }

        if (!isReplaced)
            throw Refused("this kind of BPE is not read: spaces are neither bytes (the pre-tokenizer ByteLevel) nor U+2581");
        var pieces = new string[vocabulary.Count == 0 ? 0 : vocabulary.Values.Max() + 1];
        Array.Fill(pieces, "");
        foreach (var (piece, id) in vocabulary)
            pieces[id] = piece;
        var merges = new PairMerges();
        var rank = 0;
        foreach (var (left, right) in Merges())
            merges.Add(Id(left), Id(right), rank++, Id(left + right));
        return new PieceTokenizer(
            new PieceRules(pieces, merges, added, Space, prefix)
            {
                Unknown = Text(model, "unk_token") is { } unknown ? Id(unknown) : null,
                FusesUnknown = Flag(model, "fuse_unk"),
                HasBytes = Flag(model, "byte_fallback"),
                SplitsWords = splits,
                IgnoresMerges = Flag(model, "ignore_merges"),
                Beginning = marks.Beginning,
                End = marks.End,
            },
            files.Save);
    }

    private int Id(string piece) => vocabulary.TryGetValue(piece, out var id) ? id : throw Refused($"\"{piece}\" is not in the vocabulary, but the model needs it");

    private IEnumerable<(string Piece, int Id)> Vocabulary()
    {
        if (Section(model, "vocab") is not { ValueKind: JsonValueKind.Object } vocab)
            throw Refused($"the model {Text(model, "type")} has no vocab of pieces and ids");
        foreach (var entry in vocab.EnumerateObject())
        {
            if (!entry.Value.TryGetInt32(out var id) || id < 0)
                throw Refused($"{entry.Name} has the id {entry.Value.GetRawText()}");
            yield return (entry.Name, id);
        }
    }

    /// <summary>The merges in order: as pairs, or as texts with a space between.</summary>
    private IEnumerable<(string Left, string Right)> Merges()
    {
        if (Section(model, "merges") is not { ValueKind: JsonValueKind.Array } merges)
            throw Refused("the model has no merges");
        foreach (var merge in merges.EnumerateArray())
        {
            if (merge.ValueKind == JsonValueKind.Array && merge.GetArrayLength() == 2)
            {
                yield return (merge[0].GetString()!, merge[1].GetString()!);
                continue;
            }

            var parts = merge.ValueKind == JsonValueKind.String ? merge.GetString()!.Split(' ') : [];
            if (parts is not [var left, var right])
                throw Refused($"the merge {merge.GetRawText()} is not of two pieces");
            yield return (left, right);
        }
    }

    private List<AddedToken> Added() => Section(root, "added_tokens") is not { } tokens ? [] :
    [
        .. tokens.EnumerateArray().Select(t => new AddedToken(t.GetProperty("id").GetInt32(), Text(t, "content")!, Flag(t, "special"))
        {
            TakesSpaceBefore = Flag(t, "lstrip"),
            TakesSpaceAfter = Flag(t, "rstrip"),
        }),
    ];

    private List<ISplitter> Splitters()
    {
        var splitters = new List<ISplitter>();
        foreach (var step in PreTokenizers())
        {
            switch (Text(step, "type"))
            {
                case "Split":
                    if (Text(step, "behavior") is not "Isolated")
                        throw Refused($"the pre-tokenizer Split with the behavior {Text(step, "behavior")} is not read; Isolated is");
                    var pattern = Section(step, "pattern") ?? throw Refused("a Split has no pattern");
                    splitters.Add(new RegexSplitter(path, Text(pattern, "Regex") ?? Regex.Escape(Text(pattern, "String") ?? "")));
                    break;
                case "Digits":
                    splitters.Add(new RegexSplitter(path, Flag(step, "individual_digits") ? @"\p{N}" : @"\p{N}+"));
                    break;
                case "ByteLevel":
                    if (Flag(step, "add_prefix_space"))
                        splitters.Add(new SpacePrefixer());
                    if (!step.TryGetProperty("use_regex", out var use) || use.GetBoolean())
                        splitters.Add(new RegexSplitter(path, RegexSplitter.Gpt2));
                    break;
                default:
                    throw Refused($"the pre-tokenizer {Text(step, "type")} is not read; Split, Digits and ByteLevel are");
            }
        }

        return splitters;
    }

    private List<NormalizationForm> Normalizers() =>
    [
        .. Steps("normalizer", "normalizers").Select(step => Text(step, "type") switch
        {
            "NFC" => NormalizationForm.FormC,
            "NFD" => NormalizationForm.FormD,
            "NFKC" => NormalizationForm.FormKC,
            "NFKD" => NormalizationForm.FormKD,
            var other => throw Refused($"the normalizer {other} is not read; NFC, NFD, NFKC and NFKD are"),
        }),
    ];

    private IEnumerable<JsonElement> PreTokenizers() => Steps("pre_tokenizer", "pretokenizers");

    private IEnumerable<JsonElement> Steps(string section, string sequence) =>
        Section(root, section) is not { } step ? []
        : Text(step, "type") == "Sequence" ? step.GetProperty(sequence).EnumerateArray()
        : [step];

    private static JsonElement? Section(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string? Text(JsonElement parent, string name) => Section(parent, name)?.GetString();

    private static bool Flag(JsonElement parent, string name) => Section(parent, name)?.GetBoolean() ?? false;

    private CheckpointException Refused(string why) => new($"{path}: {why}.");
}
