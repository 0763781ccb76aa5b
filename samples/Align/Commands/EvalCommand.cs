using System.CommandLine;
using Align.Checkpoints;
using Align.Data;
using Align.Model;
using Align.Reporting;
using Align.Training;

namespace Align.Commands;

/// <summary><c>align eval</c>: how a policy or a reward model orders preference pairs.</summary>
internal sealed class EvalCommand
{
    private const string Description = """
        Says how many preference pairs a model puts in order, with 95 % intervals.

        A reward model (a folder that align reward saved) by its scores. A policy by the likelihood of the responses, whole and per token, and with
        --reference by its implicit rewards, beta times the log-ratio to the reference, as in DPO.
        """;

    private readonly Option<string> model = Options.Model();
    private readonly Option<string?> tokenizer = Options.Tokenizer();
    private readonly Option<string?> reference = new("--reference") { Description = "The model that the policy was trained from.", HelpName = "path" };
    private readonly Option<double> beta = Options.Positive("--beta", "The scale of implicit rewards.", 0.1);
    private readonly Option<string> data = new("--data") { Description = "The file of preference pairs.", HelpName = "file", Required = true };
    private readonly Option<string> template = Options.Template();
    private readonly Option<int?> maximumLength = Options.MaximumLength();
    private readonly Option<int> batchSize = Options.Count("--batch-size", "Pairs at once.", 8);
    private readonly Option<string> device = Options.Device();

    /// <summary>The command.</summary>
    public Command Command()
    {
        var command = new Command("eval", Description) { model, tokenizer, data, reference, beta, template, maximumLength, batchSize, device };
        command.SetAction((result, _) => CommandLine.Guarded(() => Run(result)));
        return command;
    }

    private int Run(ParseResult result)
    {
        var page = Page.Console;
        var path = result.GetValue(model)!;
        var where = Options.DeviceOf(result.GetValue(device)!);
        var pairs = new PreferenceFile(result.GetValue(data)!, Options.TemplateOf(result.GetValue(template)!, result.GetValue(model)!)).Pairs().ToList();
        if (pairs.Count == 0)
            throw new DataException($"{result.GetValue(data)}: there is no pair.");
        if (ScalarHead.IsIn(path))
        {
            var (head, words) = ScalarHead.Load(path, where);
            using var _ = head;
            new RewardReport(page).Write(head, Encode(pairs, words, head.Body.Config, result), pairs, pairs, result.GetValue(batchSize));
            return 0;
        }

        var (policy, its) = Checkpoint.Load(path, result.GetValue(tokenizer), device: where);
        using var owned = policy;
        var encoded = Encode(pairs, its, policy.Config, result);
        var own = References.Of(policy, encoded, result.GetValue(batchSize));
        var rows = new List<IReadOnlyList<string>>
        {
            Row("the likelier response", encoded.Select((_, i) => own.Sum(i))),
            Row("the likelier response, per token", encoded.Select((p, i) => (own.Sum(i).Chosen / Math.Max(1, p.Chosen.Length), own.Sum(i).Rejected / Math.Max(1, p.Rejected.Length)))),
        };
        if (result.GetValue(reference) is { } other)
        {
            using var frozen = Checkpoint.Load(other, result.GetValue(tokenizer), device: where).Model;
            if (frozen.Config.Vocabulary != policy.Config.Vocabulary)
                throw new DataException($"{other} has {frozen.Config.Vocabulary} tokens, {path} {policy.Config.Vocabulary}: a reference shares the policy's tokenizer.");
            var its2 = References.Of(frozen, encoded, result.GetValue(batchSize));
            var ratios = encoded.Select((_, i) => (own.Sum(i).Chosen - its2.Sum(i).Chosen, own.Sum(i).Rejected - its2.Sum(i).Rejected)).ToArray();
            rows.Add(Row("the larger implicit reward", ratios));
            page.Line($"Mean reward margin {Format.Fixed(result.GetValue(beta) * ratios.Average(r => r.Item1 - r.Item2), 4)} at beta {Format.Exact(result.GetValue(beta))}.");
        }

        page.Table([$"{pairs.Count} pairs in order by", "share, 95 % interval"], rows);
        return 0;
    }

    private EncodedPair[] Encode(List<PreferencePair> pairs, Tokenizers.ITokenizer its, LlamaConfig config, ParseResult result)
    {
        var length = Math.Min(config.ContextLength, result.GetValue(maximumLength) ?? Math.Min(config.ContextLength, 1024));
        var encoder = new PairEncoder(its, length);
        return [.. pairs.Select(encoder.Encode)];
    }

    private static IReadOnlyList<string> Row(string name, IEnumerable<(double Chosen, double Rejected)> values)
    {
        var all = values.ToArray();
        return [name, new Binomial(all.Count(v => v.Chosen > v.Rejected), all.Length).ToString()];
    }
}
