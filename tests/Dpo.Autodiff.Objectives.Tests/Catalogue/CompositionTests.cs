using System.Reflection;
using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <summary>The catalogue inlined into objectives of another assembly.</summary>
public class CompositionTests
{
    public static TheoryData<string> Objectives => new(ObjectiveUnderTest.AllOf(typeof(Compositions).Assembly)
        .Where(o => o.Name.StartsWith(nameof(Compositions), StringComparison.Ordinal)).Select(o => o.Name));

    [Fact]
    public void EveryObjectiveOfTheCatalogueIsComposed()
    {
        var called = typeof(Compositions).GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.DeclaredOnly).SelectMany(Calls).ToHashSet();
        Assert.Equal([], ObjectiveUnderTest.AllOf(typeof(Preference).Assembly).Select(o => o.Name).Where(o => !called.Contains(o)));
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void TheyAgreeWithEager(string name)
    {
        var objective = ObjectiveUnderTest.AllOf(typeof(Compositions).Assembly).Single(o => o.Name == name);
        foreach (var configuration in Draw.Configurations(objective))
            foreach (var backend in new[] { Backend.Fused, Backend.WithGrad })
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                using var scope = NewDisposeScope();
                var arguments = new Draw(6, 33, Magnitude.Usual).Arguments(objective, configuration);
                var differentiated = objective.Differentiable.Where(p => arguments.GetValueOrDefault(p) is Tensor { dtype: ScalarType.Float64 }).ToArray();
                var eager = objective.Run(Backend.Eager, arguments, differentiated);
                var fused = objective.Run(backend, arguments, differentiated);
                var scale = Closeness.Scale(arguments.Values, eager);
                foreach (var (result, value) in eager.Results)
                    Closeness.Exact($"{name}, {backend}: {result}", value, fused.Results[result], scale, rescues: false);
                foreach (var (parameter, value) in eager.Gradients)
                    Closeness.Exact($"{name}, {backend}: gradient of {parameter}", value, fused.Gradients[parameter], scale, rescues: false);
            }
    }

    /// <summary>The methods that a method calls, by the call instructions in its IL.</summary>
    private static IEnumerable<string> Calls(MethodInfo method)
    {
        const byte call = 0x28;
        var code = method.GetMethodBody()!.GetILAsByteArray()!;
        for (var i = 0; i + 4 < code.Length; i++)
        {
            // A byte of an operand may look like the instruction: its token then names no method, or one that is not of the catalogue.
            var token = BitConverter.ToInt32(code, i + 1);
            if (code[i] == call && token >> 24 is 0x06 or 0x0A && Resolve(method.Module, token) is { DeclaringType: { } type } called)
                yield return type.Name + "." + called.Name;
        }
    }

    private static MethodBase? Resolve(Module module, int token)
    {
        try
        {
            return module.ResolveMethod(token);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
