using System.Globalization;
using System.Text.Json;
using Align.Checkpoints;
using Align.Data;
using Align.Reporting;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>
/// Checkpoints of a run, <c>checkpoint-N</c> after N steps: parameters, the optimiser's state, random numbers, a task's memory. The data's position follows from N. A checkpoint
/// is written beside its place and then renamed: what bears the name is whole, whatever happens meanwhile.
/// </summary>
internal sealed class CheckpointFolder(string folder, string configuration, int keep)
{
    private const string Prefix = "checkpoint-";

    /// <summary>The steps of the checkpoints that are there, in order.</summary>
    public IReadOnlyList<int> Steps => Directory.Exists(folder)
        ? [.. Directory.EnumerateDirectories(folder, Prefix + "*").Select(StepOf).Where(s => s >= 0).Order()]
        : [];

    /// <summary>The latest checkpoint, or null.</summary>
    public string? Latest => Steps is [.., var step] ? Path(step) : null;

    /// <summary>Saves a checkpoint, and removes those that are older than needed.</summary>
    public void Save(ITrainingTask task, Optimisation optimisation, int step)
    {
        var place = Path(step);
        var draft = place + ".tmp";
        if (Directory.Exists(draft))
            Directory.Delete(draft, recursive: true);
        Directory.CreateDirectory(draft);
        SafeTensors.Write(System.IO.Path.Combine(draft, "model.safetensors"), task.Module.state_dict());
        optimisation.Save(System.IO.Path.Combine(draft, "optimizer.bin"));
        using (var random = task.Random?.get_state())
        {
            var state = new State(step, configuration, random is null ? null : Convert.ToBase64String(random.cpu().bytes), task.Memory);
            File.WriteAllText(System.IO.Path.Combine(draft, "trainer_state.json"), JsonSerializer.Serialize(state, Format.Json));
        }

        if (Directory.Exists(place))
            Directory.Delete(place, recursive: true);
        Directory.Move(draft, place);
        foreach (var old in Steps.SkipLast(keep))
            Directory.Delete(Path(old), recursive: true);
    }

    /// <summary>Brings a task and its optimiser to where the latest checkpoint has them.</summary>
    /// <returns>The steps done; 0 where there is no checkpoint.</returns>
    public int Load(ITrainingTask task, Optimisation optimisation)
    {
        if (Latest is not { } place)
            return 0;
        try
        {
            var state = JsonSerializer.Deserialize<State>(File.ReadAllText(System.IO.Path.Combine(place, "trainer_state.json")), Format.Json)!;
            if (state.Configuration != configuration)
                throw new DataException($"{place}: the checkpoint is from a run with other settings, {state.Configuration}; now they are {configuration}. Use the same, or another --out.");
            using var none = no_grad();
            using var scope = NewDisposeScope();
            var saved = SafeTensors.Read(System.IO.Path.Combine(place, "model.safetensors"));
            foreach (var (name, parameter) in task.Module.state_dict())
                parameter.copy_(saved[name]);
            optimisation.Load(System.IO.Path.Combine(place, "optimizer.bin"));
            optimisation.Refresh();
            if (task.Random is { } random && state.Random is { } text)
                random.set_state(tensor(Convert.FromBase64String(text), dtype: ScalarType.Byte));
            if (state.Memory is { Count: > 0 } memory)
                task.Memory = memory;
            return state.Step;
        }
        catch (Exception exception) when (exception is IOException or JsonException or KeyNotFoundException)
        {
            throw new DataException($"{place}: the checkpoint cannot be read: {exception.Message}");
        }
    }

    private string Path(int step) => System.IO.Path.Combine(folder, Prefix + step.ToString(CultureInfo.InvariantCulture));

    private static int StepOf(string path) =>
        int.TryParse(System.IO.Path.GetFileName(path)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : -1;

    private sealed record State(int Step, string Configuration, string? Random, IReadOnlyList<double>? Memory = null);
}
