using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>How a tensor is laid out over the positions of a larger one: a rearrangement apart from what it is applied to.</summary>
/// <param name="Source">For each position of the larger tensor the position it comes from, or -1 where it is spread.</param>
/// <param name="From">The extents of what is spread.</param>
/// <param name="To">The extents of the larger tensor.</param>
public sealed record Spreading(EquatableArray<int> Source, EquatableArray<Extent> From, EquatableArray<Extent> To)
{
    /// <summary>The layout of a variable that Rearrange defines, or that is filled with one scalar.</summary>
    public static Spreading Of(Term term)
    {
        var equation = term.Definition()!;
        return equation.Parameters is Parameters.Rearrange rearrange
            ? new(rearrange.Source, term.Builder.TypeOf(equation.Operands[0]).Extents, term.Type.Extents)
            : new(term.Type.Extents.Select(_ => -1).ToEquatableArray(), EquatableArray<Extent>.Empty, term.Type.Extents);
    }

    /// <summary>Whether every element along a position of the larger tensor is the same one.</summary>
    public bool IsSpread(int position) => Source[position] < 0 || (From[Source[position]].IsOne && !To[position].IsOne);

    public Term Apply(Term term) => new(term.Builder, Atom.Variable(term.Builder.Rearrange(term.Variable, Source.ToArray(), To)));

    /// <summary>The same layout over only the kept positions of the larger tensor: those that go are spread or of extent 1.</summary>
    public Spreading Keep(IReadOnlyList<int> kept) =>
        this with { Source = kept.Select(p => Source[p]).ToEquatableArray(), To = kept.Select(p => To[p]).ToEquatableArray() };
}
