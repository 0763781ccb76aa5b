using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>The axis names of a helper, unified with its caller's at a call: one name of the helper is one extent of the caller.</summary>
internal sealed class ElaborateAxes(Function callee)
{
    private readonly Dictionary<string, Extent> bound = new(StringComparer.Ordinal);

    /// <summary>Checks an argument against the axes that the helper's parameter names; helpers without [Axes] take anything.</summary>
    public void Unify(FunctionParameter parameter, ElaborateValue value)
    {
        if (parameter.Kind != ParameterKind.Tensor || parameter.Axes is null)
            return;
        var given = value switch
        {
            ElaborateTensor { IsWeak: false } tensor => tensor.Extents,
            ElaborateValue.Optional optional => AxisNames.Extents(optional.Parameter),
            _ => (EquatableArray<Extent>?)null,
        };
        if (given is not { } extents)
            return;
        var expected = AxisNames.Extents(parameter);
        if (expected.Count != extents.Count || expected.Zip(extents, Fits).Any(fits => !fits))
        {
            var names = string.Concat(bound.OrderBy(b => b.Key, StringComparer.Ordinal).Select(b => ", " + b.Key + " = " + b.Value));
            throw new ElaborateStop.Refused("DPO0035", parameter.Name, callee.Name, "[" + string.Join(" ", expected) + "]" + names, "[" + string.Join(" ", extents) + "]");
        }
    }

    private bool Fits(Extent expected, Extent given)
    {
        if (expected.IsFixed)
            return expected == given;
        var term = expected.Terms[0];
        if (bound.TryGetValue(term.Name, out var extent))
            return extent * term.Coefficient == given;
        if (given.DivideBy(term.Coefficient) is not { } one)
            return false;
        bound.Add(term.Name, one);
        return true;
    }
}
