namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>Counts the accesses of a schedule tree, for <see cref="LoopTraffic"/>.</summary>
internal sealed class LoopCount
{
    private readonly LoopProgram program;
    private readonly Volume[] fetches;
    private readonly Dictionary<(int Buffer, string Row), Volume> rows = [];
    private readonly List<LoopNode.Loop> path = [];

    public LoopCount(LoopProgram program)
    {
        this.program = program;
        Loads = [.. program.Buffers.Select(_ => Volume.Zero)];
        Stores = [.. program.Buffers.Select(_ => Volume.Zero)];
        fetches = [.. program.Buffers.Select(_ => Volume.Zero)];
    }

    public Volume[] Loads { get; }

    public Volume[] Stores { get; }

    public IEnumerable<Volume> Fetches => fetches.Select((f, buffer) => rows.Where(r => r.Key.Buffer == buffer).Aggregate(f, (sum, row) => sum + row.Value));

    /// <summary>Adds a stage, or a part of one.</summary>
    public void Add(LoopNode node) => Add(node, Volume.Of(1));

    /// <summary>Adds a loop whether or not it is what is done instead of another.</summary>
    public void AddAlways(LoopNode.Loop loop) => Add(loop with { When = null });

    private void Add(LoopNode node, Volume times)
    {
        switch (node)
        {
            case LoopNode.Sequence sequence:
                foreach (var child in sequence.Children)
                    Add(child, times);
                break;
            case LoopNode.Loop { When.IsNegated: true }:
                break;
            case LoopNode.Loop loop:
                path.Add(loop);
                Add(loop.Body, times * Volume.Of(program.Loops[loop.Variable].Extent));
                path.RemoveAt(path.Count - 1);
                break;
            case LoopNode.Load load:
                Count(Loads, load.Buffer, times);
                Fetch(load, times);
                break;
            case LoopNode.Store store:
                Count(Stores, store.Buffer, times);
                break;
            case LoopNode.Combine combine:
                Count(Stores, combine.Buffer, times);
                break;
            case LoopNode.Initialise initialise:
                Count(Stores, initialise.Buffer, times * Volume.Of(program.Buffers[initialise.Buffer].Extents));
                break;
            case LoopNode.Contract contract:
                foreach (var operand in new[] { contract.Left.Buffer, contract.Right.Buffer })
                    Read(operand, times * Volume.Of(program.Buffers[operand].Extents));
                Count(Stores, contract.Result.Buffer, times * Volume.Of(program.Buffers[contract.Result.Buffer].Extents));
                break;
            case LoopNode.Extern row:
                foreach (var operand in row.Operands)
                {
                    if (operand.IsWritten)
                        Count(Stores, operand.Buffer, times * Volume.Of(row.Length));
                    else
                        Read(operand.Buffer, times * Volume.Of(row.Length));
                }

                break;
        }
    }

    private void Read(int buffer, Volume elements)
    {
        Count(Loads, buffer, elements);
        Count(fetches, buffer, elements);
    }

    private void Count(Volume[] counts, int buffer, Volume elements)
    {
        if (program.Buffers[buffer].Scope != BufferScope.Register)
            counts[buffer] += elements;
    }

    /// <summary>Loads of one row in one iteration of the loops that choose it fetch it once: as much as the largest of them.</summary>
    private void Fetch(LoopNode.Load load, Volume times)
    {
        if (RowOf(load) is not { } row)
        {
            Count(fetches, load.Buffer, times);
            return;
        }

        var key = (load.Buffer, row);
        if (!rows.TryGetValue(key, out var known) || Degree(known) < Degree(times))
            rows[key] = times;
    }

    /// <summary>Which row it is of: the places of all positions but one, and the very loops that they run with. Null where those do not say.</summary>
    private string? RowOf(LoopNode.Load load)
    {
        var outer = load.Index.Count - 1;
        if (outer < 1 || path.Count < outer)
            return null;
        var places = new List<string>();
        for (var depth = 0; depth < outer; depth++)
        {
            var loop = path[depth];
            var position = load.Index.ToList().FindIndex(i => i is IndexExpression.Affine { Terms: { Count: 1 } terms } && terms[0].Loop == loop.Variable);
            if (position < 0)
                return null;
            var affine = (IndexExpression.Affine)load.Index[position];
            places.Add($"{loop.Variable}:{position}:{affine.Offset}:{affine.Terms[0].Stride}");
        }

        return string.Join(",", places);
    }

    private static int Degree(Volume volume) => volume.Terms.Select(t => t.Names.Count).DefaultIfEmpty(0).Max();
}
