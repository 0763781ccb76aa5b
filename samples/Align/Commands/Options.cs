using System.CommandLine;
using Align.Data;
using Align.Training;
using static TorchSharp.torch;

namespace Align.Commands;

/// <summary>Options that several commands have.</summary>
internal static class Options
{
    /// <summary>The model to begin with.</summary>
    public static Option<string> Model() =>
        new("--model") { Description = "The model: a llama2.c checkpoint (.bin) or a Hugging Face folder.", HelpName = "path", Required = true };

    /// <summary>Its tokenizer.</summary>
    public static Option<string?> Tokenizer() =>
        new("--tokenizer") { Description = "The tokenizer's file, where it is not beside the model.", HelpName = "path" };

    /// <summary>Where to compute.</summary>
    public static Option<string> Device() =>
        Among(new Option<string>("--device") { Description = "Where to compute.", DefaultValueFactory = _ => "cpu" }, "cpu", "cuda");

    /// <summary>Where chance comes from.</summary>
    public static Option<int> Seed() =>
        new("--seed") { Description = "Where all random numbers come from.", DefaultValueFactory = _ => 1, HelpName = "number" };

    /// <summary>The run's folder.</summary>
    public static Option<string> Out(string name) =>
        new("--out") { Description = "The run's folder: settings, metrics, plots, checkpoints, the model.", DefaultValueFactory = _ => Path.Combine("runs", name), HelpName = "folder" };

    /// <summary>The longest sequence.</summary>
    public static Option<int?> MaximumLength() =>
        new("--max-length") { Description = "The longest prompt and response together, in tokens; the model's context by default, at most 1024. Prompts lose tokens on their left.", HelpName = "tokens" };

    /// <summary>How conversations become text.</summary>
    public static Option<string> Template() => new("--chat-template")
    {
        Description = $"How chat messages become text: {ModelTemplate.Own} for the chat_template of the model's folder (plain where it has none), {string.Join(", ", ChatTemplate.All.Select(t => t.Name))}, or a file with a template in Jinja.",
        DefaultValueFactory = _ => ModelTemplate.Own,
        HelpName = "name or file",
    };

    /// <summary>The template of a name; looked for when the first message comes, since files of text need none.</summary>
    public static Lazy<IChatTemplate> TemplateOf(string name, string model)
    {
        if (name != ModelTemplate.Own && !File.Exists(name))
            ChatTemplate.Named(name);
        return new Lazy<IChatTemplate>(() => ModelTemplate.Of(name, model));
    }

    /// <summary>A number that must be above a bound.</summary>
    public static Option<double> Positive(string name, string description, double value, bool orZero = false)
    {
        var option = new Option<double>(name) { Description = description, DefaultValueFactory = _ => value, HelpName = "number" };
        option.Validators.Add(result =>
        {
            var given = result.GetValueOrDefault<double>();
            if (!(given > 0 || (orZero && given == 0)) || double.IsInfinity(given))
                result.AddError($"{name} is {given}: it must be {(orZero ? "0 or more" : "above 0")}.");
        });
        return option;
    }

    /// <summary>A count, 1 or more.</summary>
    public static Option<int> Count(string name, string description, int value)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value, HelpName = "number" };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError($"{name} must be 1 or more.");
        });
        return option;
    }

    /// <summary>An option that takes some words only.</summary>
    public static Option<string> Among(Option<string> option, params string[] words)
    {
        option.AcceptOnlyFromAmong(words);
        option.HelpName = string.Join('|', words);
        return option;
    }

    /// <summary>The device of a name.</summary>
    public static Device DeviceOf(string name)
    {
        if (name == "cuda" && !cuda.is_available())
            throw new DataException("There is no CUDA device, or the libtorch beside this program was built without CUDA. Use --device cpu.");
        return name == "cuda" ? CUDA : CPU;
    }
}

/// <summary>The options of training.</summary>
/// <param name="learningRate">The default learning rate of the command.</param>
/// <param name="batchSize">The default batch size of the command.</param>
internal sealed class TrainingGroup(double learningRate, int batchSize)
{
    private readonly Option<double> epochs = Options.Positive("--epochs", "Passes over the examples.", 1);
    private readonly Option<int?> steps = new("--steps") { Description = "Steps of the optimiser, in the place of --epochs.", HelpName = "number" };
    private readonly Option<int> batch = Options.Count("--batch-size", "Examples a forward pass.", batchSize);
    private readonly Option<int> accumulate = Options.Count("--accumulate", "Forward passes a step of the optimiser: the gradient is that of all of them together.", 1);
    private readonly Option<double> rate = Options.Positive("--learning-rate", "The largest learning rate.", learningRate);
    private readonly Option<string> schedule = Options.Among(new Option<string>("--schedule") { Description = "How the learning rate falls.", DefaultValueFactory = _ => "linear" }, "constant", "linear", "cosine");
    private readonly Option<double> warmup = Options.Positive("--warmup", "The share of steps in which the learning rate rises from 0.", 0.1, orZero: true);
    private readonly Option<double> decay = Options.Positive("--weight-decay", "AdamW's decay of weights.", 0, orZero: true);
    private readonly Option<double> clip = Options.Positive("--clip", "The largest norm of the gradient; 0 for none.", 1, orZero: true);
    private readonly Option<string> precision = Options.Among(
        new Option<string>("--precision") { Description = "The dtype of activations and gradients; parameters stay float32.", DefaultValueFactory = _ => "float32" }, "float32", "bfloat16");

    private readonly Option<int> log = Options.Count("--log-every", "Steps between two rows of metrics.", 1);
    private readonly Option<int> evaluate = Options.Count("--evaluate-every", "Steps between two evaluations on held-out examples.", 50);
    private readonly Option<int> save = Options.Count("--save-every", "Steps between two checkpoints.", 100);
    private readonly Option<bool> resume = new("--resume") { Description = "Continue from the latest checkpoint in --out; on the CPU bit by bit as if there had been no interruption." };
    private readonly Option<int> seed = Options.Seed();

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[epochs, steps, batch, accumulate, rate, schedule, warmup, decay, clip, precision, log, evaluate, save, resume, seed])
            command.Options.Add(option);
    }

    /// <summary>Whether to continue an earlier run.</summary>
    public bool Resumes(ParseResult result) => result.GetValue(resume);

    /// <summary>The dtype of activations.</summary>
    public ScalarType Precision(ParseResult result) => result.GetValue(precision) switch
    {
        "bfloat16" => ScalarType.BFloat16,
        _ => ScalarType.Float32,
    };

    /// <summary>What was asked for.</summary>
    public TrainingOptions Of(ParseResult result) => new()
    {
        Epochs = result.GetValue(epochs),
        Steps = result.GetValue(steps),
        BatchSize = result.GetValue(batch),
        Accumulation = result.GetValue(accumulate),
        LearningRate = result.GetValue(rate),
        Schedule = Enum.Parse<ScheduleKind>(result.GetValue(schedule)!, ignoreCase: true),
        WarmupShare = result.GetValue(warmup),
        WeightDecay = result.GetValue(decay),
        MaximumGradientNorm = result.GetValue(clip),
        LogEvery = result.GetValue(log),
        EvaluateEvery = result.GetValue(evaluate),
        SaveEvery = result.GetValue(save),
        Seed = result.GetValue(seed),
    };
}
