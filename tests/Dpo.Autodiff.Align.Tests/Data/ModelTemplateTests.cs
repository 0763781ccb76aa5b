using Align.Data;
using Align.Tokenizers;
using Dpo.Autodiff.Align.Tests.Harness;

namespace Dpo.Autodiff.Align.Tests.Data;

/// <summary>Chat templates that models bring.</summary>
public sealed class ModelTemplateTests : IDisposable
{
    private const string ChatMl = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
    private static readonly ChatMessage[] Question = [new("user", "Who?")];
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_response_is_what_the_template_writes_after_the_prompt()
    {
        Settings($$"""{"chat_template": "{{ChatMl.Replace("\\", "\\\\")}}"}""");
        var (prompt, responses) = Own().Conversation(Question, [[new("assistant", "Tom.")], [new("assistant", "No."), new("user", "Oh"), new("assistant", "Yes.")]]);
        Assert.Equal("<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n", prompt);
        Assert.Equal(["Tom.<|im_end|>\n", "No.<|im_end|>\n<|im_start|>user\nOh<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n"], responses);
    }

    [Fact]
    public void What_all_answers_share_is_the_prompt()
    {
        Settings("""{"chat_template": "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant] <think>{% endif %}"}""");
        var (prompt, responses) = Own().Conversation(Question, [[new("assistant", "A")], [new("assistant", "B")]]);
        Assert.Equal("[user] Who?[assistant] ", prompt);
        Assert.Equal(["A", "B"], responses);
    }

    [Fact]
    public void It_is_in_a_file_of_its_own_or_one_of_several_and_knows_the_marks()
    {
        Assert.Same(ChatTemplate.Plain, Own());
        Settings("""{"bos_token": {"content": "<s>"}, "eos_token": "</s>", "chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}"}]}""");
        Assert.Equal("<s>Who?</s>", Own().Prompt(Question));
        folder.File("chat_template.jinja", "file {{ messages|length }}");
        Assert.Equal("file 1", Own().Prompt(Question));
        var other = folder.File("other.jinja", "{{ eos_token }} other");
        Assert.Equal("</s> other", ModelTemplate.Of(other, folder.Path).Prompt(Question));
        Assert.Same(ChatTemplate.Plain, ModelTemplate.Of("plain", folder.Path));
    }

    [Theory]
    [InlineData("{% include 'x' %}", "line 1: the statement include is not read")]
    [InlineData("a\\n{{ messages[0].nope.more }}", "line 2: nope is not there, so it has no more")]
    [InlineData("{{ raise_exception('only two roles') }}", "only two roles")]
    public void A_template_that_does_not_do_is_named_with_what_to_do(string template, string says)
    {
        Settings($$"""{"chat_template": "{{template}}"}""");
        var message = Assert.Throws<DataException>(() => Own().Prompt(Question)).Message;
        Assert.Contains("tokenizer_config.json", message);
        Assert.Contains(says, message);
        Assert.Contains("--chat-template plain", message);
    }

    [Fact]
    public void An_unknown_name_lists_those_there_are() =>
        Assert.Contains("model, plain, chatml, zephyr, llama3", Assert.Throws<DataException>(() => ModelTemplate.Of("chatmll", folder.Path)).Message);

    [Fact]
    public void Marks_that_a_template_writes_are_not_written_twice()
    {
        var tokenizer = new Marked();
        var encoder = new PairEncoder(tokenizer, 16);
        var pair = encoder.Encode(new PreferencePair("^ab", "c$", "d", ""));
        Assert.Equal([0, 'a', 'b'], pair.Prompt);
        Assert.Equal(['c', 1], pair.Chosen);
        Assert.Equal(['d', 1], pair.Rejected);
        Assert.Equal([0, 'a'], encoder.Prompt("a"));
    }

    private void Settings(string json) => folder.File("tokenizer_config.json", json);

    private IChatTemplate Own() => ModelTemplate.Of(ModelTemplate.Own, folder.Path);

    /// <summary>Tokens are characters; ^ begins a text and $ ends it.</summary>
    private sealed class Marked : ITokenizer
    {
        public int Vocabulary => 128;

        public int? Beginning => 0;

        public int? End => 1;

        public IReadOnlyList<int> Encode(string text, bool continues = false) => [.. text.Select(c => c == '^' ? 0 : c == '$' ? 1 : (int)c)];

        public string Decode(IReadOnlyList<int> ids, bool continues = false) => string.Concat(ids.Select(i => (char)i));

        public void Save(string folder)
        {
        }
    }
}
