using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>Items that are a thread's: each thread takes a few in succession, and reads and writes their elements 16 bytes at a time.</summary>
internal sealed partial class CudaMethod
{
    // A thread's registers hold the few elements of so many tensors.
    private const int MostStreams = 10;

    /// <summary>The loads and stores that run over neighbours as the items do, by the place of the first; none where items do more than compute.</summary>
    private Dictionary<LoopNode, (int Buffer, string Before)> Streams(CudaNest loop)
    {
        var streams = new Dictionary<LoopNode, (int Buffer, string Before)>(ReferenceComparer<LoopNode>.Instance);
        var nodes = loop.Prologue.Concat(loop.Body).ToArray();
        if (!nodes.All(n => n is SimdStatement s && IsPlain(s.Node)))
            return streams;
        var statements = nodes.Cast<SimdStatement>().Select(s => s.Node).ToArray();
        var stored = new HashSet<int>(statements.OfType<LoopNode.Store>().Select(s => s.Buffer));
        var loaded = new HashSet<int>(statements.OfType<LoopNode.Load>().Select(l => l.Buffer));

        // What is read under a condition may not be there where it does not hold.
        foreach (var node in statements.Where(n => n is LoopNode.Load { Predicate: null } or LoopNode.Store { Predicate: null }))
        {
            var (buffer, index) = LoopStatements.Accesses(node).Single();
            var isOneWay = !(stored.Contains(buffer) && loaded.Contains(buffer)) && statements.Count(n => n is LoopNode.Store store && store.Buffer == buffer) <= 1;
            if (program.Buffers[buffer].Kind == ElementKind.Real && isOneWay && (node is LoopNode.Store || IsUsed(((LoopNode.Load)node).Value)) && Before(loop, buffer, index) is { } before)
                streams[node] = (buffer, before);
        }

        if (streams.Values.Distinct().Count() > MostStreams)
            streams.Clear();
        return streams;
    }

    /// <summary>What stands before the number of an item in the place of its element, where elements lie as the items do; null elsewhere.</summary>
    private string? Before(CudaNest loop, int buffer, EquatableArray<IndexExpression> index)
    {
        var extents = program.Buffers[buffer].Extents;
        var axes = Enumerable.Range(0, extents.Count).Where(p => !extents[p].IsOne).ToArray();
        if (axes.Length != loop.Items.Count)
            return null;
        var offset = Extent.Fixed(0);
        for (var i = 0; i < axes.Length; i++)
        {
            var item = loop.Items[i].Variable;
            if (index[axes[i]] is not IndexExpression.Affine { Terms: [{ Stride: 1 } term] } affine || term.Loop != item.Id)
                return null;
            if (i == 0)
                offset = affine.Offset;
            else if (affine.Offset != Extent.Fixed(0) || extents[axes[i]] != item.Extent)
                return null;
        }

        if (offset == Extent.Fixed(0))
            return "";
        var inner = Product(axes.Skip(1).Select(p => extents[p]));
        return inner.Text == "1" ? ExtentOf(offset).Text + " + " : $"{Grouped(ExtentOf(offset).Text)} * {inner.Operand} + ";
    }

    private void FewItems(CudaNest loop, Dictionary<LoopNode, (int Buffer, string Before)> streams, string name, Code count, SimdGate known)
    {
        var (first, k) = (names.Take("first"), names.Take("k"));
        var width = Width(streams.Values.Select(s => s.Buffer));
        using (writer.Block($"for (long long {first} = (dpo_block() * dpo_threads() + dpo_thread()) * {width}; {first} < {count.Text}; {first} += dpo_blocks() * dpo_threads() * {width})"))
        {
            var few = new Dictionary<(int Buffer, string Before), string>();
            var stores = new List<string>();
            foreach (var stream in loop.Prologue.Concat(loop.Body).Cast<SimdStatement>().Where(s => streams.ContainsKey(s.Node)).OrderBy(s => s.Node is LoopNode.Load ? 0 : 1))
            {
                var (buffer, before) = streams[stream.Node];
                if (!few.TryGetValue((buffer, before), out var row))
                {
                    row = few[(buffer, before)] = names.Take(memory.BufferNames[buffer] + "Few");
                    writer.Line($"real {row}[{width}];");
                    if (stream.Node is LoopNode.Load)
                        writer.Line($"dpo_load_few({Memory(buffer)}, {before}{first}, {first}, {count.Text}, {row});");
                    else
                        stores.Add($"{(stream.Gate.Contains(known) ? "" : $"if ({Condition(stream.Gate)})\n    ")}dpo_store_few({Memory(buffer)}, {before}{first}, {first}, {count.Text}, {row});");
                }

                elements[stream.Node] = $"{row}[{k}]";
            }

            writer.Line("#pragma unroll");
            using (writer.Block($"for (int {k} = 0; {k} < {width}; {k}++)"))
            {
                writer.Line($"const long long {name} = {first} + {k};");
                using (writer.Block($"if ({name} < {count.Text})"))
                {
                    var outer = writer;
                    writer = new();
                    Nodes(loop.Prologue, CudaPlace.Lane, known);
                    Nodes(loop.Body, CudaPlace.Lane, known);
                    var body = writer.ToString();
                    writer = outer;
                    if (loop.Items.Count > 1)
                        Coordinates(loop, name, body);
                    writer.Line(body.TrimEnd('\n'));
                }
            }

            foreach (var line in stores)
                writer.Line(line);
        }

        foreach (var stream in streams.Keys)
            elements.Remove(stream);
    }
}
