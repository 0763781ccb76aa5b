using System.Globalization;
using System.Text;
using Align.Data;

namespace Align.Reporting;

/// <summary>
/// <c>metrics.csv</c>: a row a step, a column a metric, empty where a step has none of it. A metric that is reported for the first time adds its column.
/// </summary>
internal sealed class MetricsFile
{
    private readonly string path;
    private readonly List<string> names = [];
    private readonly List<(int Step, Dictionary<string, double> Values)> rows = [];

    /// <summary>The file of a folder.</summary>
    public MetricsFile(string folder) => path = Path.Combine(folder, "metrics.csv");

    /// <summary>The rows so far.</summary>
    public IReadOnlyList<(int Step, Dictionary<string, double> Values)> Rows => rows;

    /// <summary>Keeps what was written up to a step, and drops the rest.</summary>
    public void ContinueFrom(int step)
    {
        names.Clear();
        rows.Clear();
        if (step > 0 && File.Exists(path))
            Read(step);
        Rewrite();
    }

    /// <summary>Writes what a step reports; what was written for the same step before keeps its columns.</summary>
    public void Write(int step, IReadOnlyList<(string Name, double Value)> metrics)
    {
        if (metrics.Count == 0)
            return;
        var isNew = rows is not [.., var last] || last.Step != step;
        if (isNew)
            rows.Add((step, []));
        foreach (var (name, value) in metrics)
            rows[^1].Values[name] = value;
        var added = metrics.Select(m => m.Name).Except(names).ToArray();
        names.AddRange(added);
        if (isNew && added.Length == 0)
            File.AppendAllText(path, Line(rows[^1]));
        else
            Rewrite();
    }

    private void Rewrite()
    {
        var text = new StringBuilder().Append(string.Join(',', names.Prepend("step"))).Append('\n');
        foreach (var row in rows)
            text.Append(Line(row));
        var draft = path + ".tmp";
        File.WriteAllText(draft, text.ToString());
        File.Move(draft, path, overwrite: true);
    }

    private string Line((int Step, Dictionary<string, double> Values) row) =>
        string.Join(',', names.Select(n => row.Values.TryGetValue(n, out var value) ? Format.Exact(value) : "").Prepend(row.Step.ToString(CultureInfo.InvariantCulture))) + "\n";

    private void Read(int until)
    {
        var lines = File.ReadAllLines(path);
        names.AddRange(lines[0].Split(',').Skip(1).Where(n => n.Length > 0));
        for (var i = 1; i < lines.Length; i++)
        {
            var cells = lines[i].Split(',');
            if (!int.TryParse(cells[0], CultureInfo.InvariantCulture, out var step) || cells.Length != names.Count + 1)
                throw new DataException($"{path}:{i + 1}: not a row of metrics. Move the file away to resume without it.");
            if (step > until)
                break;
            var values = new Dictionary<string, double>();
            for (var column = 0; column < names.Count; column++)
            {
                if (cells[column + 1].Length > 0)
                    values[names[column]] = double.Parse(cells[column + 1], CultureInfo.InvariantCulture);
            }

            rows.Add((step, values));
        }
    }
}
