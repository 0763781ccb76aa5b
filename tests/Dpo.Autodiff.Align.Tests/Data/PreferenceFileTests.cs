using System.IO.Compression;
using System.Text;
using Align.Data;
using Dpo.Autodiff.Align.Tests.Harness;

namespace Dpo.Autodiff.Align.Tests.Data;

public sealed class PreferenceFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private static Lazy<IChatTemplate> Plain => new(ChatTemplate.Plain);

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Json_lines_of_text()
    {
        var path = folder.File("a.jsonl", """
            {"prompt": "Q", "chosen": "yes", "rejected": "no"}

            {"prompt": "R", "chosen": "a \"quoted\" ä", "rejected": ""}
            """);
        Assert.Equal(
            [new PreferencePair("Q", "yes", "no", $"{path}:1"), new PreferencePair("R", "a \"quoted\" ä", "", $"{path}:3")],
            Read(path));
    }

    [Fact]
    public void A_json_array_counts_lines_too()
    {
        var path = folder.File("a.json", """

            [
              {"prompt": "Q", "chosen": "y[}e\\s", "rejected": "no,"}, {"prompt": "S", "chosen": "1", "rejected": "2"},
              {
                "prompt": "R",
                "chosen": "\"]",
                "rejected": "d"
              }
            ]
            """);
        Assert.Equal(
            [new PreferencePair("Q", "y[}e\\s", "no,", $"{path}:3"), new PreferencePair("S", "1", "2", $"{path}:3"), new PreferencePair("R", "\"]", "d", $"{path}:4")],
            Read(path));
    }

    [Fact]
    public void Gzip_is_seen_by_its_first_bytes()
    {
        var path = Path.Combine(folder.Path, "a.json");
        using (var stream = new GZipStream(File.Create(path), CompressionLevel.Fastest))
            stream.Write(Encoding.UTF8.GetBytes("""[{"prompt": "Q", "chosen": "yes", "rejected": "no"}]"""));
        Assert.Equal([new PreferencePair("Q", "yes", "no", $"{path}:1")], Read(path));
    }

    [Fact]
    public void Chat_messages_with_a_prompt_and_without()
    {
        var path = folder.File("a.jsonl", """
            {"prompt": [{"role": "user", "content": "Q"}], "chosen": [{"role": "assistant", "content": "yes"}], "rejected": [{"role": "assistant", "content": "no"}]}
            {"chosen": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "yes"}], "rejected": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "no"}]}
            {"prompt": "Q", "chosen": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "yes"}], "rejected": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "no"}]}
            """);
        Assert.All(Read(path), pair => Assert.Equal(("User: Q\nAssistant: ", "yes", "no"), (pair.Prompt, pair.Chosen, pair.Rejected)));
        Assert.Equal(3, Read(path).Count);
        var chatml = new PreferenceFile(path, new Lazy<IChatTemplate>(ChatTemplate.Named("chatml"))).Pairs().First();
        Assert.Equal("<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n", chatml.Prompt);
    }

    [Fact]
    public void A_conversation_that_both_texts_repeat_is_the_prompt()
    {
        var path = folder.File("hh.jsonl", """
            {"chosen": "\n\nHuman: Q\n\nAssistant: yes, gladly", "rejected": "\n\nHuman: Q\n\nAssistant: yes, but no"}
            """);
        var pair = Assert.Single(Read(path));
        Assert.Equal(("\n\nHuman: Q\n\nAssistant:", " yes, gladly", " yes, but no"), (pair.Prompt, pair.Chosen, pair.Rejected));
    }

    [Fact]
    public void Pandalm_takes_the_majority_and_leaves_ties_out()
    {
        var path = folder.File("p.json", """
            [{"instruction": "I", "input": "", "response1": "a", "response2": true, "annotator1": 1, "annotator2": 2, "annotator3": 2},
             {"instruction": "I", "input": "x", "response1": "a", "response2": "b", "annotator1": 1, "annotator2": 1, "annotator3": 0},
             {"instruction": "I", "input": "x", "response1": "a", "response2": "b", "annotator1": 0, "annotator2": 1, "annotator3": 2}]
            """);
        var file = new PreferenceFile(path, Plain);
        Assert.Equal([new PreferencePair("I\n", "True", "a", $"{path}:1"), new PreferencePair("I\nx\n", "a", "b", $"{path}:2")], file.Pairs());
        Assert.Equal(1, file.Ties);
    }

    [Fact]
    public void Ties_margins_and_third_responses_are_read_where_they_are()
    {
        var path = folder.File("p.jsonl", """
            {"prompt": "Q", "chosen": "a", "rejected": "b", "margin": 2}
            {"prompt": "Q", "chosen": "a", "rejected": "b", "tie": true}
            {"prompt": "Q", "chosen": "a", "rejected": "b", "reference": "c", "tie": false}
            {"instruction": "I", "response1": "a", "response2": "b", "annotator1": 0, "annotator2": 0, "annotator3": 2}
            """);
        var file = new PreferenceFile(path, Plain);
        Assert.Equal([2.0, null], file.Pairs().Select(p => p.Margin));
        Assert.Equal(2, file.Ties);
        var all = file.Pairs(withTies: true).ToList();
        Assert.Equal([false, true, false, true], all.Select(p => p.IsTie));
        Assert.Equal([null, null, "c", null], all.Select(p => p.Gold));
    }

    [Fact]
    public void Judged_responses_stand_alone_or_come_in_pairs()
    {
        var path = folder.File("p.jsonl", """
            {"prompt": "Q", "completion": "a", "label": true}
            {"prompt": [{"role": "user", "content": "Q"}], "completion": [{"role": "assistant", "content": "b"}], "label": false}
            {"prompt": "Q", "chosen": "a", "rejected": "b"}
            {"prompt": "Q", "chosen": "a", "rejected": "b", "tie": true}
            """);
        var file = new PreferenceFile(path, Plain);
        Assert.Equal(
            [
                new JudgedResponse("Q", "a", true, $"{path}:1"),
                new JudgedResponse("User: Q\nAssistant: ", "b", false, $"{path}:2"),
                new JudgedResponse("Q", "a", true, $"{path}:3"),
                new JudgedResponse("Q", "b", false, $"{path}:3"),
            ],
            file.Responses());
        Assert.Equal(1, file.Ties);
        var wrong = Assert.Throws<DataException>(() => file.Pairs().ToList()).Message;
        Assert.StartsWith($"{path}:1: ", wrong);
        Assert.Contains("kto", wrong);
    }

    [Theory]
    [InlineData("{\"prompt\": \"Q\", \"completion\": \"a\"}", "there is no \"label\"")]
    [InlineData("{\"prompt\": \"Q\", \"completion\": \"a\", \"label\": \"good\"}", "not true or false")]
    [InlineData("{\"completion\": \"a\", \"label\": true}", "\"prompt\" is missing")]
    [InlineData("{\"prompt\": \"Q\", \"completion\": 1, \"label\": true}", "\"completion\" is a number")]
    public void What_is_wrong_with_a_judged_response_is_said(string text, string message)
    {
        var path = folder.File("bad.jsonl", text);
        Assert.Contains($"{path}:1: ", Assert.Throws<DataException>(() => new PreferenceFile(path, Plain).Responses().ToList()).Message);
        Assert.Contains(message, Assert.Throws<DataException>(() => new PreferenceFile(path, Plain).Responses().ToList()).Message);
    }

    [SkippableFact]
    public void Pandalm_as_it_was_published()
    {
        var file = new PreferenceFile(SharedData.Need("preference/pandalm/testset-v1.json.gz"), Plain);
        var pairs = file.Pairs().ToList();
        Assert.Equal(999, pairs.Count + file.Ties);
        Assert.InRange(pairs.Select(p => p.Prompt).Distinct().Count(), 150, 170);
    }

    [Theory]
    [InlineData("{\"prompt\": \"Q\", \"chosen\": \"a\", \"rejected\": \"b\"}\n{\"prompt\": \"Q\", \"chosen\": \"a\"}", 2, "there is no \"rejected\"")]
    [InlineData("{\"prompt\": \"Q\", \"chosen\": \"a\", \"rejected\": \"b\"}\n\n{\"prompt\": ", 3, "not JSON")]
    [InlineData("[{\"prompt\": \"Q\", \"chosen\": \"a\", \"rejected\": \"b\"},\n{\"prompt\":\n \"Q\"", 2, "the file ends within")]
    [InlineData("[{\"prompt\": \"Q\",\n\"chosen\": \"a\" \"rejected\": \"b\"}]", 2, "not JSON")]
    [InlineData("{\"prompt\": \"Q\", \"chosen\": \"a\", \"rejected\": [\"b\"]}", 1, "\"rejected\" an array")]
    [InlineData("{\"prompt\": 3, \"chosen\": \"a\", \"rejected\": \"b\"}", 1, "\"prompt\" is a number")]
    [InlineData("{\"chosen\": [{\"role\": \"user\"}], \"rejected\": [{\"role\": \"user\"}]}", 1, "role and a content")]
    [InlineData("{\"chosen\": [], \"rejected\": []}", 1, "holds no message")]
    [InlineData("3", 1, "a row is an object, this is a number")]
    [InlineData("{\"instruction\": \"I\", \"response1\": \"a\", \"response2\": \"b\", \"annotator1\": 4}", 1, "annotator1 is 4")]
    [InlineData("{\"instruction\": \"I\", \"response1\": \"a\", \"response2\": \"b\"}", 1, "no annotator")]
    public void What_is_wrong_is_said_with_file_and_line(string text, int line, string message)
    {
        var path = folder.File("bad.json", text);
        var exception = Assert.Throws<DataException>(() => Read(path));
        Assert.StartsWith($"{path}:{line}: ", exception.Message);
        Assert.Contains(message, exception.Message);
    }

    [Fact]
    public void A_missing_file_and_a_cut_one_are_named()
    {
        Assert.Contains("nowhere.json", Assert.Throws<DataException>(() => Read(Path.Combine(folder.Path, "nowhere.json"))).Message);
        var whole = new MemoryStream();
        using (var stream = new GZipStream(whole, CompressionLevel.Fastest, leaveOpen: true))
        {
            var random = new Random(1);
            for (var i = 0; i < 500; i++)
                stream.Write(Encoding.UTF8.GetBytes($$"""{"prompt": "{{random.Next()}}", "chosen": "yes", "rejected": "no"}""" + "\n"));
        }

        var path = Path.Combine(folder.Path, "cut.gz");
        File.WriteAllBytes(path, whole.ToArray()[..(int)(whole.Length / 2)]);
        Assert.StartsWith(path, Assert.Throws<DataException>(() => Read(path)).Message);
    }

    private static List<PreferencePair> Read(string path) => [.. new PreferenceFile(path, Plain).Pairs()];
}
