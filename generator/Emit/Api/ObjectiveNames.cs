using System.Globalization;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;

namespace Dpo.Autodiff.Generator.Emit.Api;

/// <summary>What the generated members of one objective are called and typed, and how its axes are numbered.</summary>
internal sealed class ObjectiveNames
{
    public const string Tensor = "global::TorchSharp.torch.Tensor";

    private readonly Function function;

    public ObjectiveNames(CompiledObjective objective)
    {
        Objective = objective;
        function = objective.Model.Function;
        Axes = AxisNames.Of(function);
        var used = objective.Variants.SelectMany(v => v.Forward.Inputs).Where(i => i.Differentiable).Select(i => i.Name);
        var differentiable = new HashSet<string>(used, StringComparer.Ordinal);
        Gradients = Tensors.Where(p => differentiable.Contains(p.Name)).ToArray();
    }

    public CompiledObjective Objective { get; }

    public string Name => function.Name;

    public string ResultType => Name + "Result";

    public string LossType => Name + "Loss";

    public string PlanType => Name + "Plan";

    public EquatableArray<string> Axes { get; }

    public IReadOnlyList<FunctionParameter> Parameters => function.Parameters;

    public EquatableArray<string> Results => function.ResultNames;

    public IEnumerable<FunctionParameter> Tensors => function.Parameters.Where(p => p.Kind == ParameterKind.Tensor);

    public IEnumerable<FunctionParameter> HyperParameters => function.Parameters.Where(p => p.Kind != ParameterKind.Tensor);

    /// <summary>The tensor parameters that have a gradient in some variant.</summary>
    public IReadOnlyList<FunctionParameter> Gradients { get; }

    /// <summary>The containing class and the method, as an expression to call it with.</summary>
    public string Method
    {
        get
        {
            var container = Objective.Model.Container;
            var types = container.Types.Select(t => t.Substring(t.LastIndexOf(' ') + 1));
            return "global::" + (container.Namespace.Length > 0 ? container.Namespace + "." : "") + string.Join(".", types) + "." + SourceWriter.Identifier(Name);
        }
    }

    /// <summary>A name for a local beside the user's parameters.</summary>
    public string Fresh(string name)
    {
        while (function.Parameters.Any(p => p.Name == name))
            name += "_";
        return name;
    }

    /// <summary>The prefix of numbered locals beside the user's parameters.</summary>
    public string FreshPrefix(string prefix)
    {
        while (function.Parameters.Any(p => p.Name.StartsWith(prefix, StringComparison.Ordinal)))
            prefix += "_";
        return prefix;
    }

    public string TensorTable => Fresh("tensors");

    public string ExtentTable => Fresh("extents");

    public string ScalarTable => Fresh("scalars");

    public bool IsTensor(string parameter) => Tensors.Any(p => p.Name == parameter);

    public bool IsNullable(string parameter) => function.Parameters.First(p => p.Name == parameter).Nullable;

    /// <summary>The position of a tensor parameter among the tensor parameters.</summary>
    public int Parameter(string name) => Tensors.Select(p => p.Name).ToList().IndexOf(name);

    public int Result(string name) => Results.ToList().IndexOf(name);

    /// <summary>A size as C# over <c>extents</c>.</summary>
    public string Size(Extent extent)
    {
        var terms = extent.Terms.Select(t => $"{(t.Coefficient == 1 ? "" : Number(t.Coefficient) + " * ")}{ExtentTable}[{Axes.ToList().IndexOf(t.Name)}]").ToList();
        if (extent.Constant != 0 || terms.Count == 0)
            terms.Add(Number(extent.Constant) + (terms.Count == 0 ? "L" : ""));
        return string.Join(" + ", terms);
    }

    public static string Type(FunctionParameter parameter) => parameter.Kind switch
    {
        ParameterKind.Tensor => Tensor,
        ParameterKind.Bool => "bool",
        ParameterKind.Int32 => "int",
        ParameterKind.Int64 => "long",
        ParameterKind.Single => "float",
        ParameterKind.Double => "double",
        _ => parameter.EnumType!,
    } + (parameter.Nullable ? "?" : "");

    /// <summary>The parameter list as it is declared.</summary>
    public static string Declaration(FunctionParameter parameter) =>
        $"{Type(parameter)} {SourceWriter.Identifier(parameter.Name)}{(parameter.Default is { } value ? " = " + value : "")}";

    public static string Pascal(string name) => name.Length == 0 ? name : char.ToUpperInvariant(name[0]) + name.Substring(1);

    public string GradientOf(FunctionParameter parameter) => "Grad" + Pascal(parameter.Name);

    /// <summary>The method's return type: a tensor, or the user's tuple.</summary>
    public string ReturnType
    {
        get
        {
            var returns = Objective.Model.Returns;
            var elements = returns.ElementNames.Zip(returns.IsNullable, (name, isNullable) => Tensor + (isNullable ? "?" : "") + (name is null ? "" : " " + SourceWriter.Identifier(name)));
            return returns.IsTuple ? "(" + string.Join(", ", elements) + ")" : elements.Single();
        }
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
