using System.Text.Json.Nodes;
using Align.Checkpoints;
using Align.Corpus;
using Align.Tokenizers;
using Dpo.Autodiff.Align.Tests.Harness;

namespace Dpo.Autodiff.Align.Tests.Tokenizers;

/// <summary>Hugging Face's <c>tokenizer.json</c>: ids as its own library gives them, and kinds that are refused.</summary>
public sealed class TokenizerJsonTests
{
    public static TheoryData<string> Cases => [.. TokenizerVectors.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void IdsAreThoseOfHuggingFace(string name)
    {
        using var folder = new TemporaryFolder();
        var tokenizer = Read(folder, TokenizerVectors.Json(name));
        var wrong = new List<string>();
        foreach (var (text, ids, _) in TokenizerVectors.Texts(name))
        {
            var actual = tokenizer.Encode(text);
            if (!ids.SequenceEqual(actual))
                wrong.Add($"\"{text}\": {string.Join(' ', actual)}, not {string.Join(' ', ids)}");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void IdsDecodeAsThoseOfHuggingFace(string name)
    {
        using var folder = new TemporaryFolder();
        var tokenizer = Read(folder, TokenizerVectors.Json(name));
        var wrong = new List<string>();
        foreach (var (_, ids, decoded) in TokenizerVectors.Texts(name))
        {
            // Its decoder of bytes keeps the space that was put before a text.
            var actual = tokenizer.Decode(ids, continues: name == "space before");
            if (decoded != actual)
                wrong.Add($"\"{actual}\", not \"{decoded}\"");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Theory]
    [InlineData("Llama 2")]
    [InlineData("Llama 3")]
    [InlineData("space before")]
    [InlineData("Llama 2 by Metaspace, first")]
    public void WhatContinuesJoinsOn(string name)
    {
        using var folder = new TemporaryFolder();
        var tokenizer = Read(folder, TokenizerVectors.Json(name));
        const string Begins = "the king", Continues = " and the queen";
        Assert.Equal(tokenizer.Encode(Begins + Continues), [.. tokenizer.Encode(Begins), .. tokenizer.Encode(Continues, continues: true)]);
        Assert.Equal(Continues, tokenizer.Decode(tokenizer.Encode(Continues, continues: true), continues: true));
        Assert.Equal(Begins, tokenizer.Decode(tokenizer.Encode(Begins)));
    }

    [Fact]
    public void SavesTheFilesAsTheyWere()
    {
        using var folder = new TemporaryFolder();
        using var other = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer_config.json"], """{ "bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": "x" }""");
        File.WriteAllText(folder["special_tokens_map.json"], "{}");
        File.WriteAllText(folder["unrelated.json"], "{}");
        var tokenizer = Read(folder, TokenizerVectors.Json("Llama 2"));
        Directory.Delete(folder.Path, recursive: true);
        tokenizer.Save(other.Path);
        Directory.CreateDirectory(folder.Path);
        Assert.Equal(["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"], Directory.GetFiles(other.Path).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        Assert.Contains("chat_template", File.ReadAllText(other["tokenizer_config.json"]), StringComparison.Ordinal);
        var again = TokenizerJson.Read(other["tokenizer.json"], null);
        Assert.Equal((tokenizer.Beginning, tokenizer.End, tokenizer.Vocabulary), (again.Beginning, again.End, again.Vocabulary));
        Assert.Equal(tokenizer.Encode("the king"), again.Encode("the king"));
    }

    [Theory]
    [InlineData("Llama 2", """{"bos_token": "<s>", "eos_token": "</s>"}""", null, 1, 2)]
    [InlineData("Llama 2", """{"bos_token": "<s>", "add_bos_token": false}""", null, null, null)]
    [InlineData("Llama 2", """{"bos_token": null, "eos_token": {"content": "</s>"}}""", null, null, 2)]
    [InlineData("Llama 2", null, null, null, null)]
    [InlineData("Llama 3", """{"bos_token": "<|begin|>", "eos_token": "<|end|>"}""", null, null, 477)]
    [InlineData("Llama 3", """{"bos_token": "<|begin|>", "add_bos_token": true}""", null, 476, null)]
    [InlineData("Llama 3", """{"bos_token": "<|end|>"}""", """{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}""", 476, null)]
    [InlineData("Llama 3", """{"bos_token": "<|end|>"}""", """{"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}]}]}""", null, null)]
    public void MarksAreWhatTheTokenizerPutsThere(string name, string? settings, string? processor, int? beginning, int? end)
    {
        using var folder = new TemporaryFolder();
        if (settings is not null)
            File.WriteAllText(folder["tokenizer_config.json"], settings);
        var json = TokenizerVectors.Json(name);
        json["post_processor"] = processor is null ? null : JsonNode.Parse(processor);
        var tokenizer = Read(folder, json);
        Assert.Equal((beginning, end), (tokenizer.Beginning, tokenizer.End));
    }

    [Fact]
    public void TheStoriesTokenizerIsReadFromWhatItWrites()
    {
        using var folder = new TemporaryFolder();
        var words = new WordTokenizer(Grammar.Words);
        words.Save(folder.Path);
        Assert.Equal(
            ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"],
            Directory.GetFiles(folder.Path).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        var tokenizer = TokenizerJson.Read(folder["tokenizer.json"], null);
        Assert.Equal((words.Vocabulary, words.Beginning, words.End), (tokenizer.Vocabulary, tokenizer.Beginning, tokenizer.End));
        var random = new Random(1);
        for (var i = 0; i < 20; i++)
        {
            var text = $"{Grammar.Prompt(random)} {Grammar.Continuation(random, 0.5)}";
            Assert.Equal(words.Encode(text), tokenizer.Encode(text));
            Assert.Equal(text, tokenizer.Decode([0, .. words.Encode(text), 1]));
        }
    }

    [Fact]
    public void ListsOfWordsAreRead()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer_config.json"], """{"bos_token": "<s>", "eos_token": "</s>"}""");
        var tokenizer = Read(folder, JsonNode.Parse("""
            {
              "added_tokens": [{"id": 0, "content": "<s>", "special": true}, {"id": 1, "content": "</s>", "special": true}],
              "pre_tokenizer": {"type": "WhitespaceSplit"},
              "model": {"type": "WordLevel", "vocab": {"<s>": 0, "</s>": 1, "?": 2, "one": 3, "two": 4}, "unk_token": "?"}
            }
            """)!);
        Assert.Equal([3, 4, 2, 3], tokenizer.Encode("one  two\nthree one"));
        Assert.Equal("one ? two", tokenizer.Decode([0, 3, 2, 4, 1]));
        Assert.Equal((5, 0, 1), (tokenizer.Vocabulary, tokenizer.Beginning, tokenizer.End));
    }

    [Theory]
    [InlineData("model.type", "\"Unigram\"", "the model is Unigram")]
    [InlineData("model.type", "\"WordPiece\"", "the model is WordPiece")]
    [InlineData("model", "null", "there is no model")]
    [InlineData("model.merges", "null", "no merges")]
    [InlineData("model.merges", "[[\"a\"]]", "not of two pieces")]
    [InlineData("model.merges", "[\"a b c\"]", "not of two pieces")]
    [InlineData("model.merges", "[[\"a\", \"\u2581\u2581\"]]", "not in the vocabulary")]
    [InlineData("model.vocab", "[]", "no vocab")]
    [InlineData("model.vocab", "{\"a\": -1}", "id -1")]
    [InlineData("model.continuing_subword_prefix", "\"##\"", "continuing_subword_prefix")]
    [InlineData("normalizer", "{\"type\": \"Lowercase\"}", "Lowercase")]
    [InlineData("normalizer", "null", "this kind of BPE")]
    [InlineData("pre_tokenizer", "{\"type\": \"Whitespace\"}", "Whitespace")]
    [InlineData("pre_tokenizer", "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\"}, {\"type\": \"Punctuation\"}]}", "Punctuation")]
    [InlineData("pre_tokenizer", "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\"}, {\"type\": \"Split\", \"behavior\": \"Removed\", \"pattern\": {\"Regex\": \"x\"}}]}", "Removed")]
    [InlineData("pre_tokenizer", "{\"type\": \"ByteLevel\"}", "normalizer Sequence|normalizer Prepend")]
    [InlineData("added_tokens", "[{\"content\": \"x\"}]", "not a tokenizer")]
    [InlineData("added_tokens", "{}", "not a tokenizer")]
    public void RefusesOtherKinds(string place, string value, string says)
    {
        using var folder = new TemporaryFolder();
        var json = TokenizerVectors.Json("Llama 2");
        JsonNode parent = json;
        var keys = place.Split('.');
        foreach (var key in keys[..^1])
            parent = parent[key]!;
        parent[keys[^1]] = JsonNode.Parse(value);
        var exception = Assert.Throws<CheckpointException>(() => Read(folder, json));
        Assert.StartsWith(folder["tokenizer.json"], exception.Message, StringComparison.Ordinal);
        Assert.True(says.Split('|').Any(s => exception.Message.Contains(s, StringComparison.Ordinal)), exception.Message);
    }

    [Fact]
    public void RefusesAPatternThatIsNotOne()
    {
        using var folder = new TemporaryFolder();
        var json = TokenizerVectors.Json("Llama 3");
        json["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = "(";
        Assert.Contains("pattern (", Assert.Throws<CheckpointException>(() => Read(folder, json)).Message, StringComparison.Ordinal);
    }

    private static ITokenizer Read(TemporaryFolder folder, JsonNode json)
    {
        File.WriteAllText(folder["tokenizer.json"], json.ToJsonString());
        return TokenizerJson.Read(folder["tokenizer.json"], null);
    }
}
