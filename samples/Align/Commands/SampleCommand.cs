using System.CommandLine;
using Align.Checkpoints;
using Align.Data;
using Align.Model;
using Align.Reinforcement;
using Align.Reporting;
using static TorchSharp.torch;

namespace Align.Commands;

/// <summary><c>align sample</c>: continues a prompt.</summary>
internal sealed class SampleCommand
{
    private readonly Option<string> model = Options.Model();
    private readonly Option<string?> tokenizer = Options.Tokenizer();
    private readonly Option<string> device = Options.Device();
    private readonly Option<int> seed = Options.Seed();
    private readonly Option<string> prompt = new("--prompt") { Description = "What is continued.", DefaultValueFactory = _ => "", HelpName = "text" };
    private readonly Option<bool> chat = new("--chat") { Description = "The prompt is what a user says: the chat template goes around it." };
    private readonly Option<string> template = Options.Template();
    private readonly Option<int> count = Options.Count("--count", "How many continuations.", 1);
    private readonly Option<int> length = Options.Count("--max-tokens", "The longest continuation in tokens.", 200);
    private readonly Option<double> temperature = Options.Positive("--temperature", "What logits are divided by; 0 takes the most likely token each time.", 1, orZero: true);
    private readonly Option<int> topK = new("--top-k") { Description = "Draw from this many of the most likely tokens; 0 for all.", HelpName = "number" };
    private readonly Option<double> topP = Options.Positive("--top-p", "Draw from the fewest tokens that have this much of the probability together.", 1);

    /// <summary>The command.</summary>
    public Command Command()
    {
        var command = new Command("sample", "Continues a prompt with a model.") { model, tokenizer, prompt, chat, template, count, length, temperature, topK, topP, device, seed };
        command.SetAction((result, _) => CommandLine.Guarded(() => Run(result)));
        return command;
    }

    private int Run(ParseResult result)
    {
        var (policy, its) = Checkpoint.Load(result.GetValue(model)!, result.GetValue(tokenizer), device: Options.DeviceOf(result.GetValue(device)!));
        using var _ = policy;
        using var generator = new Generator((ulong)result.GetValue(seed), policy.Device);
        var ids = new PairEncoder(its, policy.Config.ContextLength).Prompt(Prompt(result));
        var options = new SamplingOptions
        {
            MaximumTokens = result.GetValue(length),
            Temperature = result.GetValue(temperature),
            TopK = result.GetValue(topK),
            TopP = result.GetValue(topP),
        };
        var page = Page.Console;
        foreach (var response in Rollout.Of(policy, its, [.. Enumerable.Repeat(ids, result.GetValue(count))], options, generator))
            page.Line(result.GetValue(chat) ? response.Text : its.Decode([.. response.Prompt, .. response.Tokens]));
        return 0;
    }

    private string Prompt(ParseResult result)
    {
        var text = result.GetValue(prompt)!;
        return result.GetValue(chat) ? Options.TemplateOf(result.GetValue(template)!, result.GetValue(model)!).Value.Prompt([new ChatMessage("user", text)]) : text;
    }
}
