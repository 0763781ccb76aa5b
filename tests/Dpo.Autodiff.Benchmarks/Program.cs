using System.CommandLine;
using Dpo.Autodiff.Benchmarks;
using Spectre.Console;

var filter = new Option<string>("--filter") { Description = "Measure only rows whose name contains this.", DefaultValueFactory = _ => "", HelpName = "text" };
var quick = new Option<bool>("--quick") { Description = "Few, short rounds: to see that it works, not to quote." };
var only = new Option<string?>("--only") { Description = "Measure this row in this process, for the one that started it.", Hidden = true };
var root = new RootCommand("Prints how many times faster generated code is than eager TorchSharp: both in one process, in turns, the median of rounds, on glibc's default allocator and on a tuned one.") { filter, quick, only };
root.SetAction(result =>
{
    Row[] all = [.. PairRows.All, .. TokenRows.All, .. ProjectionRows.All];
    if (result.GetValue(only) is { } name)
    {
        Worker.Serve(all.Single(r => r.Name == name), result.GetValue(quick) ? new Rounds(5, 0.02) : new Rounds(15, 0.1));
        return 0;
    }

    var rows = all.Where(r => r.Name.Contains(result.GetValue(filter)!, StringComparison.OrdinalIgnoreCase)).ToArray();
    if (rows.Length == 0)
    {
        Console.Error.WriteLine($"No row's name contains \"{result.GetValue(filter)}\".");
        return 1;
    }

    var measured = new List<(string Allocator, Measurement Measurement)>();
    if (Console.IsOutputRedirected)
        Measure((row, worker) => { }, (worker, measurement) => Console.Error.WriteLine($"{worker.Allocator}: {Summary.Line(measurement)}"));
    else
        AnsiConsole.Progress().Start(progress =>
        {
            var task = progress.AddTask("measuring", maxValue: rows.Length * Worker.All.Count);
            Measure((row, worker) => task.Description = Markup.Escape($"{row.Name}, {worker.Allocator}"), (_, _) => task.Increment(1));
        });
    Summary.Write(measured);
    return measured.All(m => m.Measurement.IsEqual) ? 0 : 1;

    void Measure(Action<Row, Worker> starts, Action<Worker, Measurement> ends)
    {
        foreach (var row in rows)
        {
            foreach (var worker in Worker.All)
            {
                starts(row, worker);
                var measurement = worker.Run(["--only", row.Name, .. result.GetValue(quick) ? (string[])["--quick"] : []]);
                measured.Add((worker.Allocator, measurement));
                ends(worker, measurement);
            }
        }
    }
});
return root.Parse(args).Invoke();
