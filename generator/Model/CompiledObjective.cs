using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Model;

/// <summary>What the front end hands to the compiler: one objective, the functions it may call, and where it is declared.</summary>
/// <remarks>It must stay a record of values: the incremental generator caches it by equality.</remarks>
/// <param name="Function">The annotated method.</param>
/// <param name="Callees">Every function it reaches, in ordinal order of their ids.</param>
/// <param name="Container">The class it is declared in, and its containers.</param>
/// <param name="Accessibility">The method's accessibility as C# text (<c>public</c>, <c>internal</c>, ...).</param>
/// <param name="Returns">How the result is typed.</param>
public sealed record ObjectiveModel(
    Function Function,
    EquatableArray<Function> Callees,
    ContainerModel Container,
    string Accessibility,
    ReturnShape Returns);

/// <summary>A single tensor, or a flat tuple of tensors (ElementNames null where the user left one unnamed), and which are declared as <c>Tensor?</c>.</summary>
public sealed record ReturnShape(bool IsTuple, EquatableArray<string?> ElementNames, EquatableArray<bool> IsNullable);

/// <summary>Where a member is declared.</summary>
/// <param name="Namespace">The namespace, or empty.</param>
/// <param name="Types">The containing types, outermost first, as declarations without modifiers but the kind and static-ness (<c>static class Preference</c>, <c>record struct X</c>).</param>
/// <param name="MetadataName">The fully qualified metadata name, for the hint name.</param>
public sealed record ContainerModel(string Namespace, EquatableArray<string> Types, string MetadataName);

/// <summary>An objective after the compiler: one decision tree over hyper-parameters whose leaves are variants.</summary>
/// <param name="Model">Where it came from.</param>
/// <param name="Decisions">The decision tree.</param>
/// <param name="Variants">Its distinct leaves.</param>
/// <param name="Notes">Stable forms that were applied, for the informational diagnostic.</param>
public sealed record CompiledObjective(
    ObjectiveModel Model,
    Decision Decisions,
    EquatableArray<Variant> Variants,
    EquatableArray<string> Notes);

/// <summary>How the call chooses a variant.</summary>
public abstract record Decision
{
    private Decision()
    {
    }

    /// <summary>condition ? WhenTrue : WhenFalse. Condition is a host scalar of <paramref name="Host"/>.</summary>
    public sealed record Branch(EquatableArray<HostEquation> Host, int Condition, Decision WhenTrue, Decision WhenFalse) : Decision;

    /// <summary>The kernels of a variant, by index.</summary>
    public sealed record Leaf(int Variant) : Decision;

    /// <summary>A throw arm: the exception's full name and message (C# expression text, or null).</summary>
    public sealed record Throw(string Exception, string? Message) : Decision;
}

/// <summary>One specialised kernel set.</summary>
/// <param name="Forward">Results only, after stability and algebra.</param>
/// <param name="Joint">Results and the gradients of the first result; the upstream is the input <c>d_NAME</c> (absent where the first result is a scalar tensor: then it is a scalar input too).</param>
/// <param name="Backward">Gradients given one upstream input <c>d_NAME</c> per differentiable result.</param>
/// <param name="Value">Forward as loops.</param>
/// <param name="ValueAndGradient">Joint as loops.</param>
/// <param name="ValueAndResiduals">Results, and what the backward would have to compute again; null where nothing is worth keeping.</param>
/// <param name="Gradient">The gradients given upstreams, and what was kept.</param>
/// <param name="TiledValue">Forward in tiles; null where no product is wide.</param>
/// <param name="TiledValueAndGradient">Joint in tiles; null where no product is wide, or tiles depend on each other.</param>
public sealed record Variant(
    Program Forward,
    Program Joint,
    Program Backward,
    LoopProgram Value,
    LoopProgram ValueAndGradient,
    LoopProgram? ValueAndResiduals,
    LoopProgram Gradient,
    TiledLoops? TiledValue,
    TiledLoops? TiledValueAndGradient)
{
    /// <summary>The kernels in tiles, each with its name.</summary>
    public IEnumerable<(string Name, TiledLoops Loops)> Tiled
    {
        get
        {
            if (TiledValue is not null)
                yield return ("Value", TiledValue);
            if (TiledValueAndGradient is not null)
                yield return ("ValueAndGradient", TiledValueAndGradient);
        }
    }
}
