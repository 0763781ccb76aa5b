using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>
/// Rows of neighbouring elements, 16 bytes at a time: each thread takes a few elements in succession, the first of them where the row
/// allows a whole load.
/// </summary>
internal sealed partial class CudaMethod
{
    // The element of a thread's few, by the load or store that it belongs to.
    private readonly Dictionary<LoopNode, string> elements = new(ReferenceComparer<LoopNode>.Instance);
    private readonly Dictionary<LoopNode.Combine, string> terms = new(ReferenceComparer<LoopNode.Combine>.Instance);

    /// <summary>Whether a loop that threads share reads or writes rows of neighbours.</summary>
    public bool IsVectorised(SimdLoop loop) => nest?.IsLane(loop) == true && grid is CudaGrid.Rows or CudaGrid.Block
        && loop.Body.All(n => n is SimdStatement s && IsPlain(s.Node)) && loop.Body.Any(n => IsStream(((SimdStatement)n).Node, loop));

    private bool IsPlain(LoopNode node) => node switch
    {
        LoopNode.Load or LoopNode.Compute or LoopNode.Store => LoopStatements.Accesses(node).All(a => program.Buffers[a.Buffer].Scope == BufferScope.Global),
        LoopNode.Combine { Monoid: not Monoid.ArgMax } combine => program.Buffers[combine.Buffer].Extents.Count == 0,
        _ => false,
    };

    /// <summary>Whether a statement runs over neighbours in a tensor of numbers.</summary>
    private bool IsStream(LoopNode node, SimdLoop loop)
    {
        if (node is not (LoopNode.Load or LoopNode.Store { Predicate: null }) || (LoopStatements.Predicate(node) is { } holds && loop.Body.OfType<SimdStatement>().Any(s => s.Defines == holds)))
            return false;
        var (buffer, index) = LoopStatements.Accesses(node).Single();
        if (program.Buffers[buffer].Kind != ElementKind.Real || !memory.IsStored(buffer))
            return false;
        var last = index.Count - 1;
        while (last >= 0 && program.Buffers[buffer].Extents[last].IsOne)
            last--;
        return last >= 0 && index[last] is IndexExpression.Affine affine && affine.Terms is [{ Stride: 1 } term] && term.Loop == loop.Variable.Id
            && index.Where((_, p) => p != last).All(i => i is IndexExpression.Affine outer && outer.Terms.All(t => t.Loop != loop.Variable.Id));
    }

    private void Vectors(SimdLoop loop, string name, string count, SimdGate known)
    {
        var streams = loop.Body.Cast<SimdStatement>().Select(s => s.Node).Where(n => IsStream(n, loop)).ToArray();
        var scope = names.Scope;
        var (first, k) = (names.Take("first"), names.Take("k"));
        var isRead = OnlyCombines(loop);
        var width = Width(streams.Select(s => LoopStatements.Accesses(s).Single().Buffer));
        loopNames[loop.Variable.Id] = "0";
        var (lead, leadIndex) = LoopStatements.Accesses(streams[0]).Single();
        var start = Offset(lead, leadIndex);
        loopNames[loop.Variable.Id] = first;
        var begin = $"dpo_first({Memory(lead)}{(start == "0" ? "" : " + " + Stripped(start))}) + dpo_thread() * {width}";
        using (writer.Block($"for (long long {first} = {begin}; {first} < {count}; {first} += dpo_threads() * {width})"))
        {
            var stores = new List<string>();
            foreach (var stream in streams)
            {
                var (buffer, index) = LoopStatements.Accesses(stream).Single();
                var offset = Offset(buffer, index);
                var row = names.Take(memory.BufferNames[buffer] + "Few");
                elements[stream] = $"{row}[{k}]";
                writer.Line($"real {row}[{width}];");
                if (stream is LoopNode.Load)
                {
                    // Where nothing may be read, the elements are 0.
                    var length = LoopStatements.Predicate(stream) is { } holds ? $"{Value(holds, named: true).Operand} ? {count} : 0" : count;
                    writer.Line($"dpo_load_few({Memory(buffer)}, {offset}, {first}, {length}, {row}{(isRead ? ", dpo_lowest((real)0)" : "")});");
                }
                else
                {
                    var gate = loop.Body.OfType<SimdStatement>().First(s => s.Node == stream).Gate;
                    var condition = gate.Contains(known) ? "" : $"if ({Condition(gate)})\n    ";
                    stores.Add($"{condition}dpo_store_few({Memory(buffer)}, {offset}, {first}, {count}, {row});");
                }
            }

            var added = new List<string>();
            if (isRead)
            {
                foreach (var combine in loop.Body.Cast<SimdStatement>().Select(s => s.Node).OfType<LoopNode.Combine>())
                {
                    var load = streams.OfType<LoopNode.Load>().First(l => l.Value == combine.Operand.Id);
                    writer.Line($"{parts[combine.Buffer].Name}.add({elements[load].Substring(0, elements[load].IndexOf('['))});");
                }
            }
            else
            {
                Each(loop, name, count, known, width, first, k, added);
            }

            foreach (var line in added.Concat(stores))
                writer.Line(line);
        }

        names.Close(scope);
        foreach (var stream in streams)
            elements.Remove(stream);
        terms.Clear();
    }

    /// <summary>Whether a loop does nothing but take elements into their maximum and the sum of their exponentials.</summary>
    private bool OnlyCombines(SimdLoop loop)
    {
        var loaded = new HashSet<int>(loop.Body.Cast<SimdStatement>().Select(s => s.Node).OfType<LoopNode.Load>().Where(l => l.Predicate is null && IsStream(l, loop)).Select(l => l.Value));
        return loop.Body.Cast<SimdStatement>().All(s => s.Node switch
        {
            LoopNode.Load load => loaded.Contains(load.Value),
            LoopNode.Combine combine => online.ContainsKey(combine.Buffer) && combine.Operand.Kind == LoopAtomKind.Value && loaded.Contains(combine.Operand.Id),
            _ => false,
        });
    }

    /// <summary>The statements of the loop for each of a thread's few elements.</summary>
    private void Each(SimdLoop loop, string name, string count, SimdGate known, string width, string first, string k, List<string> added)
    {
        foreach (var combine in loop.Body.Cast<SimdStatement>().Select(s => s.Node).OfType<LoopNode.Combine>().Where(c => online.ContainsKey(c.Buffer)))
        {
            var few = names.Take(program.Buffers[combine.Buffer].Name + "Few");
            terms[combine] = $"{few}[{k}]";
            writer.Line($"real {few}[{width}];");
            added.Add($"{parts[combine.Buffer].Name}.add({few});");
        }

        writer.Line("#pragma unroll");
        using (writer.Block($"for (int {k} = 0; {k} < {width}; {k}++)"))
        {
            loopNames[loop.Variable.Id] = name;
            writer.Line($"const long long {name} = {first} + {k};");
            foreach (var term in terms.Values.Distinct())
                writer.Line($"{term} = dpo_lowest((real)0);");
            using (writer.Block($"if ({name} >= 0 && {name} < {count})"))
                Nodes(loop.Body, CudaPlace.Lane, known);
        }
    }

    private readonly Dictionary<string, string> widths = [];

    /// <summary>How many elements a thread takes in succession, as a constant at the kernel's head.</summary>
    private string Width(IEnumerable<int> buffers)
    {
        var expression = $"dpo_widest<{string.Join(", ", buffers.Select(memory.ElementOf).Distinct())}>()";
        if (widths.TryGetValue(expression, out var known))
            return known;
        var name = names.Take("width");
        names.Keep(name);
        head.Add($"constexpr int {name} = {expression};");
        return widths[expression] = name;
    }

    // row * size + 0 is written without its end.
    private static string Stripped(string offset) => offset.EndsWith(" + 0", StringComparison.Ordinal) ? offset.Substring(0, offset.Length - 4) : offset;
}
