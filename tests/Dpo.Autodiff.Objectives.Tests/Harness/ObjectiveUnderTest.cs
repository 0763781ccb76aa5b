using System.Reflection;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Harness;

/// <summary>An objective and what was generated for it, called by the names of its parameters.</summary>
internal sealed class ObjectiveUnderTest
{
    private const BindingFlags Static = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private readonly MethodInfo eager;

    private ObjectiveUnderTest(MethodInfo eager) => this.eager = eager;

    public string Name => eager.DeclaringType!.Name + "." + eager.Name;

    public ParameterInfo[] Parameters => eager.GetParameters();

    public IEnumerable<ParameterInfo> TensorParameters => Parameters.Where(p => p.ParameterType == typeof(Tensor));

    /// <summary>The tensor parameters that the objective is differentiated with respect to, whatever the dtype of what is passed.</summary>
    public IEnumerable<string> Differentiable =>
        TensorParameters.Where(p => p.GetCustomAttribute<NoGradAttribute>() is null).Select(p => p.Name!);

    public string[] ResultNames => eager.ReturnType == typeof(Tensor)
        ? ["Value"]
        : eager.ReturnParameter.GetCustomAttribute<TupleElementNamesAttribute>()?.TransformNames.Take(ResultCount(eager.ReturnType)).Select((n, i) => n ?? "Item" + (i + 1)).ToArray()
            ?? Enumerable.Range(1, ResultCount(eager.ReturnType)).Select(i => "Item" + i).ToArray();

    public MethodInfo? Fused => FusedType?.GetMethod(eager.Name, Static);

    public MethodInfo? FusedWithGrad => FusedType?.GetMethod(eager.Name + "WithGrad", Static);

    public ObjectiveInfo Info => (ObjectiveInfo)FusedType!.GetProperty(eager.Name + "Info", Static)!.GetValue(null)!;

    private Type? FusedType => eager.DeclaringType!.GetNestedType("Fused", BindingFlags.Public | BindingFlags.NonPublic);

    public static ObjectiveUnderTest Of(Type type, string name) => new(type.GetMethod(name, Static) ?? throw new ArgumentException("No " + name + ".", nameof(name)));

    /// <summary>All objectives of an assembly, in ordinal order.</summary>
    public static IEnumerable<ObjectiveUnderTest> AllOf(Assembly assembly) =>
        assembly.GetTypes().SelectMany(t => t.GetMethods(Static | BindingFlags.DeclaredOnly))
            .Where(m => m.GetCustomAttribute<ObjectiveAttribute>() is not null)
            .Select(m => new ObjectiveUnderTest(m))
            .OrderBy(o => o.Name, StringComparer.Ordinal);

    public override string ToString() => Name;

    /// <summary>Calls the objective; parameters that are not given keep their defaults.</summary>
    /// <param name="backend">How.</param>
    /// <param name="arguments">Tensors and hyper-parameters by name.</param>
    /// <param name="differentiated">The parameters whose gradients are wanted.</param>
    public Outcome Run(Backend backend, IReadOnlyDictionary<string, object?> arguments, IReadOnlyCollection<string> differentiated)
    {
        foreach (var name in arguments.Keys)
            Assert.Contains(Parameters, p => p.Name == name);
        var method = backend switch { Backend.Eager => eager, Backend.Fused => Fused, _ => FusedWithGrad }
            ?? throw new InvalidOperationException(Name + " has no generated " + backend + ".");
        var values = method.GetParameters().Select(p => p.Name == "upstream" ? null : Value(p, backend, arguments, differentiated)).ToArray();
        if (backend == Backend.WithGrad && differentiated.Count > 0 && Run(Backend.Eager, arguments, []).Loss is { } first && first.dim() > 0)
            values[^1] = Cotangent(first);
        var returned = method.Invoke(null, BindingFlags.DoNotWrapExceptions, null, values, null)!;
        if (backend == Backend.WithGrad)
            return Unpack(returned, differentiated);

        var tensors = returned is ITuple tuple ? Enumerable.Range(0, tuple.Length).Select(i => (Tensor)tuple[i]!).ToArray() : [(Tensor)returned];
        var results = ResultNames.Zip(tensors).ToDictionary(p => p.First, p => p.Second);
        if (differentiated.Count > 0)
            (tensors[0].dim() == 0 ? tensors[0] : (tensors[0] * Cotangent(tensors[0])).sum()).backward();
        var gradients = differentiated.ToDictionary(
            name => name, name => values[Array.FindIndex(method.GetParameters(), p => p.Name == name)] is Tensor t ? t.grad : null);
        return new(results.ToDictionary(r => r.Key, r => r.Value.detach()), gradients);
    }

    private static int ResultCount(Type tuple) =>
        tuple.GetGenericArguments() is { Length: 8 } arguments ? 7 + ResultCount(arguments[7]) : tuple.GetGenericArguments().Length;

    /// <summary>What a first result that is no scalar is differentiated against: numbers that sum up to nothing in particular, the same in every dtype.</summary>
    private static Tensor Cotangent(Tensor result) =>
        (arange(result.numel(), dtype: ScalarType.Float64) + 1).cos().reshape(result.shape).to_type(ScalarType.BFloat16).to_type(result.dtype);

    private static object? Value(ParameterInfo parameter, Backend backend, IReadOnlyDictionary<string, object?> arguments, IReadOnlyCollection<string> differentiated)
    {
        if (!arguments.TryGetValue(parameter.Name!, out var value))
            return parameter.HasDefaultValue ? parameter.DefaultValue : throw new ArgumentException("No " + parameter.Name + ".");
        if (value is not Tensor tensor)
            return value;
        // A detached tensor keeps its strides, and is a leaf of its own.
        var leaf = tensor.detach();
        return backend != Backend.WithGrad && differentiated.Contains(parameter.Name) ? leaf.requires_grad_(true) : leaf;
    }

    private Outcome Unpack(object result, IReadOnlyCollection<string> differentiated)
    {
        var results = ResultNames.ToDictionary(n => n, n => (Tensor)Property(n)!);
        return new(results, differentiated.ToDictionary(n => n, n => (Tensor?)Property("Grad" + Pascal(n))));

        object? Property(string name) => (result.GetType().GetProperty(Pascal(name)) ?? throw new InvalidOperationException("No " + name + " in " + result.GetType())).GetValue(result);
    }

    private static string Pascal(string name) => char.ToUpperInvariant(name[0]) + name[1..];
}
