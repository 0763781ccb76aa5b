using Align.Commands;
using Dpo.Autodiff.Align.Tests.Harness;

namespace Dpo.Autodiff.Align.Tests.Commands;

/// <summary>The program as it is called, on the published model of 260,000 parameters.</summary>
public sealed class CommandTests : IDisposable
{
    private const string Pairs = """
        {"prompt": "Once upon a time", "chosen": ", there was a happy dog.", "rejected": ", there was a sad cat."}
        {"prompt": "Lily had", "chosen": "a big ball.", "rejected": "no ball."}
        {"prompt": [{"role": "user", "content": "Who?"}], "chosen": [{"role": "assistant", "content": "Tom."}], "rejected": [{"role": "assistant", "content": "No."}]}
        {"prompt": "One day", "chosen": "they went to the park.", "rejected": "it rained."}
        """;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public async Task From_pairs_to_a_model_that_is_evaluated_and_sampled()
    {
        var model = SharedData.Need("models/stories260K/stories260K.bin");
        var pairs = folder.File("pairs.jsonl", Pairs);
        var run = Path.Combine(folder.Path, "run");
        string[] dpo = ["dpo", "--model", model, "--data", pairs, "--steps", "3", "--batch-size", "2", "--accumulate", "2", "--learning-rate", "1e-3", "--held-out", "0.25", "--out", run];
        Assert.Equal(0, (await Align(dpo)).Status);
        foreach (var file in new[] { "run.json", "metrics.csv", "training.png", "checkpoint-3/model.safetensors", "model/config.json", "model/model.safetensors", "model/tokenizer.json" })
            Assert.True(File.Exists(Path.Combine(run, file)), file);
        Assert.Contains("rewards/margins", File.ReadLines(Path.Combine(run, "metrics.csv")).First());

        var again = await Align(dpo);
        Assert.Equal(1, again.Status);
        Assert.Contains("--resume", again.Error);
        Assert.Equal(0, (await Align([.. dpo, "--resume"])).Status);
        var other = await Align([.. dpo, "--resume", "--beta", "0.7"]);
        Assert.Equal(1, other.Status);
        Assert.Contains("\"beta\": 0.1", other.Error);

        var evaluated = await Align("eval", "--model", Path.Combine(run, "model"), "--reference", model, "--data", pairs);
        Assert.Equal(0, evaluated.Status);
        Assert.Contains("the larger implicit reward", evaluated.Output);
        var sampled = await Align("sample", "--model", Path.Combine(run, "model"), "--prompt", "Once upon a time", "--max-tokens", "8", "--temperature", "0");
        Assert.StartsWith("Once upon a time", sampled.Output);
    }

    [SkippableFact]
    public async Task A_reward_model_rewards_samples()
    {
        var model = SharedData.Need("models/stories260K/stories260K.bin");
        var reward = Path.Combine(folder.Path, "reward");
        var trained = await Align("reward", "--model", model, "--data", folder.File("pairs.jsonl", Pairs), "--steps", "2", "--batch-size", "2", "--held-out", "0.25", "--out", reward);
        Assert.Equal(0, trained.Status);
        Assert.Contains("response", trained.Output);
        var scored = await Align("eval", "--model", Path.Combine(reward, "model"), "--data", folder.File("pairs.jsonl", Pairs));
        Assert.Contains("reward model", scored.Output);
        foreach (var objective in new[] { "grpo", "ppo", "xpo" })
        {
            var learnt = await Align(
                "rl", "--model", model, "--reward-model", Path.Combine(reward, "model"), "--objective", objective, "--prompt-count", "6", "--prompt-length", "4",
                "--max-tokens", "6", "--batch-size", "2", "--group-size", "2", "--steps", "2", "--precision", "bfloat16", "--out", Path.Combine(folder.Path, objective));
            Assert.Equal(0, learnt.Status);
        }
    }

    [SkippableTheory]
    [InlineData("kto", """{"prompt": "Tim saw", "completion": " a cat.", "label": true}""", "9 responses to learn from")]
    [InlineData("bco", "", "8 responses to learn from")]
    [InlineData("dpo_rao_kupper", """{"prompt": "Tim saw", "chosen": " a cat.", "rejected": " a dog.", "tie": true}""", "1 of them are ties")]
    [InlineData("exo_pair", "", "4 pairs to learn from")]
    public async Task Other_objectives_read_what_they_need(string objective, string row, string says)
    {
        var model = SharedData.Need("models/stories260K/stories260K.bin");
        var run = await Align(
            "dpo", "--model", model, "--data", folder.File("pairs.jsonl", Pairs + "\n" + row), "--objective", objective, "--steps", "2", "--batch-size", "4", "--held-out", "0",
            "--precision", "bfloat16", "--out", Path.Combine(folder.Path, "run"));
        Assert.Equal("", run.Error);
        Assert.Equal(0, run.Status);
        Assert.Contains(says, run.Output);
    }

    [SkippableFact]
    public async Task Triple_preferences_need_a_third_response()
    {
        var model = SharedData.Need("models/stories260K/stories260K.bin");
        string[] tpo = ["dpo", "--model", model, "--objective", "tpo", "--steps", "1", "--held-out", "0"];
        var without = await Align([.. tpo, "--data", folder.File("pairs.jsonl", Pairs), "--out", Path.Combine(folder.Path, "a")]);
        Assert.Equal(1, without.Status);
        Assert.Contains("\"reference\" beside prompt, chosen and rejected", without.Error);
        var triple = folder.File("triples.jsonl", """{"prompt": "Tim saw", "chosen": " a cat.", "rejected": " a dog.", "reference": " a big cat."}""");
        Assert.Equal(0, (await Align([.. tpo, "--data", triple, "--out", Path.Combine(folder.Path, "b")])).Status);
    }

    [SkippableFact]
    public async Task A_folder_s_own_template_goes_around_messages()
    {
        var model = SharedData.Need("models/stories260K/stories260K.bin");
        var run = Path.Combine(folder.Path, "run");
        Assert.Equal(0, (await Align("dpo", "--model", model, "--data", folder.File("pairs.jsonl", Pairs), "--steps", "1", "--held-out", "0", "--out", run)).Status);
        File.WriteAllText(Path.Combine(run, "model", "chat_template.jinja"), "{% include 'x' %}");
        string[] sample = ["sample", "--model", Path.Combine(run, "model"), "--prompt", "Hi", "--max-tokens", "2"];
        Assert.Equal(0, (await Align(sample)).Status);
        var refused = await Align([.. sample, "--chat"]);
        Assert.Equal(1, refused.Status);
        Assert.Contains("chat_template.jinja: line 1: the statement include is not read", refused.Error);
        Assert.Equal(0, (await Align([.. sample, "--chat", "--chat-template", "zephyr"])).Status);
    }

    [SkippableFact]
    public async Task A_run_that_diverges_says_so_with_its_status()
    {
        var model = SharedData.Need("models/stories260K/stories260K.bin");
        var pairs = folder.File("pairs.jsonl", Pairs);
        var run = await Align("dpo", "--model", model, "--data", pairs, "--epochs", "30", "--learning-rate", "1e30", "--clip", "0", "--warmup", "0", "--held-out", "0", "--batch-size", "2", "--out", Path.Combine(folder.Path, "run"));
        Assert.Equal(TrainingRun.Diverged, run.Status);
        Assert.Contains("Lower --learning-rate", run.Error);
        Assert.False(Directory.Exists(Path.Combine(folder.Path, "run", "model")));
    }

    [Fact]
    public async Task What_cannot_be_is_said_before_anything_is_computed()
    {
        Assert.Contains("Give either --data", (await Align("dpo", "--model", "m")).Error);
        Assert.Contains("it must be above 0", (await Align("dpo", "--model", "m", "--data", "d", "--learning-rate", "-1")).Error);
        Assert.Contains("m: ", (await Align("dpo", "--model", "m", "--data", "d")).Error);
        Assert.Contains("ipo-sums", (await Align("dpo", "--model", "m", "--data", "d", "--objective", "dpoo")).Error);
        Assert.Contains("Give either --lexicon", (await Align("rl", "--model", "m")).Error);
        Assert.Contains("chatml", (await Align("eval", "--model", "m", "--data", "d", "--chat-template", "chat")).Error);
        Assert.Contains("thurstone", (await Align("reward", "--model", "m", "--data", "d", "--objective", "elo")).Error);
        Assert.Contains("nash-md", (await Align("rl", "--model", "m", "--lexicon", "l", "--objective", "dpo")).Error);
        if (!TorchSharp.torch.cuda.is_available())
            Assert.Contains("There is no CUDA device", (await Align("sample", "--model", "m", "--device", "cuda")).Error);
    }

    private static async Task<(int Status, string Output, string Error)> Align(params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var (oldOutput, oldError) = (Console.Out, Console.Error);
        Console.SetOut(output);
        Console.SetError(error);
        try
        {
            var status = await CommandLine.Root().Parse(arguments).InvokeAsync(new() { Output = output, Error = error, EnableDefaultExceptionHandler = false });
            return (status, output.ToString(), error.ToString());
        }
        finally
        {
            Console.SetOut(oldOutput);
            Console.SetError(oldError);
        }
    }
}
