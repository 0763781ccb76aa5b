using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>A variable or scalar with arithmetic that appends to a program, so that rules read as their formulas.</summary>
public readonly record struct Term(ProgramBuilder Builder, Atom Atom)
{
    public TensorType Type => Builder.TypeOf(Atom);

    /// <summary>The variable; a scalar atom is first made one.</summary>
    public int Variable => Atom.IsVariable ? Atom.Id : Builder.Fill(Atom, EquatableArray<Extent>.Empty);

    public static Term operator +(Term x, Term y) => x.Of(Primitive.Add, y);

    public static Term operator -(Term x, Term y) => x.Of(Primitive.Subtract, y);

    public static Term operator *(Term x, Term y) => x.Of(Primitive.Multiply, y);

    public static Term operator /(Term x, Term y) => x.Of(Primitive.Divide, y);

    public static Term operator +(Term x, double y) => x + x.Number(y);

    public static Term operator -(Term x, double y) => x - x.Number(y);

    public static Term operator -(double x, Term y) => y.Number(x) - y;

    public static Term operator *(Term x, double y) => x * x.Number(y);

    public static Term operator *(double x, Term y) => y.Number(x) * y;

    public static Term operator /(double x, Term y) => y.Number(x) / y;

    public static Term operator -(Term x) => x.Of(Primitive.Negate);

    public Term Number(double number) => new(Builder, Atom.Literal(number));

    public Term Of(Primitive primitive, params Term[] others) => Of(primitive, Parameters.Nothing, others);

    public Term Of(Primitive primitive, Parameters parameters, params Term[] others) =>
        new(Builder, Atom.Variable(Builder.Emit(primitive, parameters, [Atom, .. others.Select(o => o.Atom)])));

    /// <summary>where(this, x, y).</summary>
    public Term Select(Term x, Term y) => Of(Primitive.Where, x, y);

    /// <summary>This reduced tensor spread again over the positions that were reduced from <paramref name="full"/>.</summary>
    public Term SpreadOver(TensorType full, EquatableArray<int> reduced)
    {
        var kept = 0;
        var source = Enumerable.Range(0, full.Rank).Select(p => reduced.Contains(p) ? -1 : kept++).ToArray();
        return new(Builder, Atom.Variable(Builder.Rearrange(Variable, source, full.Extents)));
    }
}
