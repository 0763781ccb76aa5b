using System.CommandLine;
using Align.Checkpoints;
using Align.Data;
using Align.Reporting;
using Align.Training;

namespace Align.Commands;

/// <summary>The arguments of the program, and what it does with them.</summary>
internal static class CommandLine
{
    /// <summary>The exit status of a run that was asked to stop and saved its state.</summary>
    public const int Interrupted = 130;

    private const string Description = """
        Aligns language models of the Llama family to preferences.

        Without a command it shows the whole way in small, in under two minutes: it trains a base model on stories from a grammar, samples pairs of which
        the more cheerful story is preferred, aligns the model by DPO, and says what has changed.
        """;

    /// <summary>How commands are run: Ctrl-C lets the step that runs finish and its state be saved.</summary>
    public static InvocationConfiguration Invocation { get; } = new() { ProcessTerminationTimeout = TimeSpan.FromMinutes(2), EnableDefaultExceptionHandler = false };

    /// <summary>The root command.</summary>
    public static RootCommand Root()
    {
        var seed = new Option<int>("--seed") { Description = "Where all random numbers come from.", DefaultValueFactory = _ => 1, HelpName = "number" };
        var output = new Option<string>("--out") { Description = "The folder for metrics and plots.", DefaultValueFactory = _ => Path.Combine("runs", "stories"), HelpName = "folder" };
        var root = new RootCommand(Description)
        {
            seed,
            output,
            new DpoCommand().Command(),
            new RewardCommand().Command(),
            new RlCommand().Command(),
            new FrontierCommand().Command(),
            new SampleCommand().Command(),
            new EvalCommand().Command(),
        };
        root.SetAction((result, stop) => Guarded(() => new MainJob(Page.Console).Run(result.GetValue(seed), result.GetValue(output)!, stop)));
        return root;
    }

    /// <summary>Runs a command; what a user can put right becomes a message and a status.</summary>
    public static Task<int> Guarded(Func<int> command)
    {
        try
        {
            return Task.FromResult(command());
        }
        catch (Exception exception) when (exception is DataException or CheckpointException or DivergedException)
        {
            Console.Error.WriteLine(exception.Message);
            return Task.FromResult(1);
        }
    }
}
