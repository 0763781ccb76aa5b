using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// Which log-sigmoids, softplus and sigmoids of a method have the same argument up to its sign: one exponential serves them all.
/// </summary>
internal sealed class SimdLogistic
{
    private const int MostNested = 4;

    private readonly LoopProgram program;
    private readonly Dictionary<int, LoopNode.Compute> definitions;
    private readonly Dictionary<int, (string Root, bool IsMirrored)> shared = [];

    public SimdLogistic(IEnumerable<SimdNode> nodes, LoopProgram program)
    {
        this.program = program;
        var computed = SimdTree.Statements(nodes).Select(s => s.Node).OfType<LoopNode.Compute>().ToArray();
        definitions = computed.ToDictionary(c => c.Value);
        var forms = computed.Where(c => IsLogistic(c.Primitive)).Select(c => (c.Value, Form: FormOf(c.Operands[0], MostNested)));
        foreach (var member in forms.GroupBy(c => c.Form.Root).Where(g => g.Count() > 1).SelectMany(g => g))
            shared[member.Value] = member.Form;
    }

    /// <summary>How many exponentials are saved.</summary>
    public int Saved => shared.Count - shared.Values.Select(f => f.Root).Distinct().Count();

    /// <summary>The common argument, and whether the value's own is its negative; null where nothing is shared.</summary>
    public (string Root, bool IsMirrored)? Of(int value) => shared.TryGetValue(value, out var form) ? form : null;

    /// <summary>A function of the common argument, or of its negative.</summary>
    public static string Member(Primitive primitive, bool isMirrored) => primitive + (isMirrored ? "OfNegative()" : "()");

    private static bool IsLogistic(Primitive primitive) => primitive is Primitive.LogSigmoid or Primitive.Softplus or Primitive.Sigmoid;

    // -a, b - a and a * -k are told by the same name as a, a - b and a * k: their values differ in the sign alone.
    private (string Root, bool IsMirrored) FormOf(LoopAtom atom, int depth)
    {
        if (atom.Kind == LoopAtomKind.Literal)
            return ("#" + Literals.CSharp(Math.Abs(atom.Number)), atom.Number < 0);
        if (atom.Kind == LoopAtomKind.Host && depth > 0 && program.Source.Host[atom.Id] is { Operation: HostOperation.Unary, Text: "-" } host)
            return Mirrored(FormOf(LoopAtom.Host(host.Operands[0]), depth - 1));
        if (atom.Kind == LoopAtomKind.Value && depth > 0 && definitions.TryGetValue(atom.Id, out var definition))
        {
            var forms = definition.Operands.Select(o => FormOf(o, depth - 1)).ToArray();
            if (definition.Primitive == Primitive.Negate)
                return Mirrored(forms[0]);
            if (definition.Primitive is Primitive.Subtract or Primitive.Multiply)
            {
                var isInOrder = string.CompareOrdinal(forms[0].Root, forms[1].Root) <= 0;
                var root = isInOrder ? $"({forms[0].Root} {definition.Primitive} {forms[1].Root})" : $"({forms[1].Root} {definition.Primitive} {forms[0].Root})";
                if (definition.Primitive == Primitive.Multiply)
                    return (root, forms[0].IsMirrored ^ forms[1].IsMirrored);
                if (!forms[0].IsMirrored && !forms[1].IsMirrored)
                    return (root, !isInOrder);
            }
        }

        return ($"{atom.Kind}{atom.Payload}", false);
    }

    private static (string Root, bool IsMirrored) Mirrored((string Root, bool IsMirrored) form) => (form.Root, !form.IsMirrored);
}
