using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>How the reductions of the IR combine.</summary>
internal static class Monoids
{
    public static Monoid Of(Primitive reduction) => reduction switch
    {
        Primitive.Max => Monoid.Max,
        Primitive.Min => Monoid.Min,
        Primitive.Any => Monoid.Any,
        Primitive.All => Monoid.All,
        Primitive.ArgMax => Monoid.ArgMax,
        _ => Monoid.Sum,
    };
}
