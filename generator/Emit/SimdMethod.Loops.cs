using System.Text.RegularExpressions;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// Loops along a row as methods of their own. In a large method the JIT keeps the accumulators in memory, because somewhere a call lies
/// between, and every addition waits for the one before to be stored and loaded; a small one has nothing but the loop.
/// </summary>
internal sealed partial class SimdMethod
{
    private const string NoInlining = "[global::System.Runtime.CompilerServices.MethodImpl(global::System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]";

    private static readonly Regex Words = new(@"(?<![.\w@])@?[A-Za-z_]\w*", RegexOptions.CultureInvariant);

    private readonly string name;

    // The type of what is declared, by name.
    private readonly Dictionary<string, string> types = [];
    private readonly HashSet<string> headNames = [];

    /// <summary>The loops that became methods.</summary>
    public List<string> Methods { get; } = [];

    /// <summary>Whether a loop is worth a call: a vector loop inside another, of any length, with nothing but statements.</summary>
    private static bool IsMethod(SimdLoop loop, bool isInner) =>
        isInner && loop.Variable is { IsVector: true, Extent.IsFixed: false } && loop.Body.All(n => n is SimdStatement);

    /// <summary>The nodes of a list without the loops that are methods: they do not share its locals.</summary>
    private static IEnumerable<SimdNode> Own(List<SimdNode> list) => Own(list, isInner: false);

    private static IEnumerable<SimdNode> Own(List<SimdNode> list, bool isInner)
    {
        foreach (var node in list)
        {
            if (node is not SimdLoop loop)
            {
                yield return node;
                continue;
            }

            foreach (var own in loop.Prologue.Concat(IsMethod(loop, isInner) ? [] : Own(loop.Body, isInner: true)))
                yield return own;
        }
    }

    /// <summary>Writes a loop into a method and calls it: what it uses of here are the arguments.</summary>
    private void Apart(SimdLoop loop, Action write)
    {
        FlushPending(loadsOnly: false);
        var known = new HashSet<string>(types.Keys);
        var (outer, outerCalls, outerLogistic) = (writer, calls, logistic);
        writer = new SourceWriter();
        Budget(loop.Body);
        write();
        var text = writer.ToString();
        (writer, calls, logistic) = (outer, outerCalls, outerLogistic);

        var used = Words.Matches(text).Cast<Match>().Select(m => m.Value).Distinct().ToArray();
        var captured = used.Where(w => w != loopNames[loop.Variable.Id] && (known.Contains(w) || headNames.Contains(w))).ToArray();
        var totals = accumulators.Values.Select(a => a.Name).Where(captured.Contains).ToDictionary(n => n, n => names.Take(n + "Total"));
        var method = $"{name}Over{SimdNames.Capital(loopNames[loop.Variable.Id].TrimStart('@'))}{Text(Methods.Count)}";
        var parameters = captured.Select(w => totals.TryGetValue(w, out var total) ? $"ref {types[w]} {total}" : $"{types[w]} {w}").ToList();
        var arguments = captured.Select(w => totals.ContainsKey(w) || types[w].StartsWith("ref ", StringComparison.Ordinal) ? "ref " + w : w).ToList();
        if (used.Contains("frame"))
        {
            parameters.Insert(0, $"ref {SimdExpressions.Namespace}KernelFrame frame");
            arguments.Insert(0, "ref frame");
        }

        writer.Line($"{method}<T, V, L>({string.Join(", ", arguments)});");
        var made = new SourceWriter();
        made.Line(NoInlining);
        made.Line($"private static void {method}<T, V, L>({string.Join(", ", parameters)})").Line(SimdEmitter.WhereInStage);
        using (made.Block())
        {
            foreach (var total in totals)
                made.Line($"var {total.Key} = {total.Value};");
            made.Line(text.TrimEnd('\n'));
            foreach (var total in totals)
                made.Line($"{total.Value} = {total.Key};");
        }

        Methods.Add(made.ToString());
    }
}
