using System.Globalization;
using System.Reflection;
using System.Text;
using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Generator.Tests.Harness;
using TorchSharp;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.RandomPrograms;

/// <summary>
/// Random well-typed objectives, compiled in memory, fused against eager in float64: every result and every gradient, through the
/// autograd graph and without it.
/// </summary>
/// <remarks>DPO_AUTODIFF_RANDOM=5000 runs that many; DPO_AUTODIFF_SEED=17 starts there.</remarks>
public sealed class RandomProgramTests(ITestOutputHelper output)
{
    private const int BatchSize = 40;
    internal const double KinkDistance = 1e-3;
    internal const int MostDraws = 20;

    // The last has rows of many vectors, where few objectives stay clear of every kink.
    internal static readonly long[][] SizeSets = [[3, 4, 5], [1, 7, 2], [17, 2, 3], [2, 3, 601]];

    private readonly Dictionary<string, (int Drawn, int Value, int Gradient)> coverage = [];

    [Fact]
    public void Fused_equals_eager()
    {
        var count = Setting("DPO_AUTODIFF_RANDOM", 240);
        var first = Setting("DPO_AUTODIFF_SEED", 1);
        var (runs, redrawn, given, wide) = (0, 0, 0, 0);
        var failures = new List<string>();
        for (var start = first; start < first + count; start += BatchSize)
        {
            var objectives = Enumerable.Range(start, Math.Min(BatchSize, first + count - start))
                .Select(seed => RandomObjectives.Draw(seed, $"R{seed}")).ToArray();
            var container = Compile(objectives);
            foreach (var objective in objectives)
            {
                // An axis of size 1 puts some objectives onto a kink whatever is drawn (x - mean(x) is 0): they get other sizes.
                var sizes = Sizes(SizeSets[runs % SizeSets.Length]);
                var outcome = Check(container, objective, sizes, record: true);
                for (var other = 1; other < SizeSets.Length && outcome.Redrawn == MostDraws; other++)
                {
                    sizes = Sizes(SizeSets[(runs + other) % SizeSets.Length]);
                    outcome = Check(container, objective, sizes, record: true);
                }

                runs++;
                if (sizes["token"] > 100 && outcome.Redrawn < MostDraws)
                    wide++;
                if (outcome.Redrawn < MostDraws)
                    redrawn += outcome.Redrawn;
                else
                    given++;
                if (outcome.Failure is { } failure)
                    failures.Add(Shrink(objective, sizes, failure));
            }

            GC.Collect();
        }

        foreach (var (operation, (drawn, value, gradient)) in coverage.OrderBy(c => c.Key, StringComparer.Ordinal))
            output.WriteLine($"{operation,-16} drawn {drawn,5}   value not zero {value,5}   gradient not zero {gradient,5}");
        output.WriteLine($"{runs} objectives, {wide} over long rows, {redrawn} inputs redrawn near a kink, {given} objectives given up that have one everywhere");
        Assert.True(failures.Count == 0, $"{failures.Count} of {runs} random objectives differ:\n\n" + string.Join("\n\n", failures.Take(5)));
        Assert.True(redrawn <= runs, "more inputs were redrawn than kept");
        Assert.True(wide * 20 >= runs, "hardly any objective was compared over long rows");
        Assert.True(given * 20 <= runs, "more than 5 % of the objectives were never compared");
        if (count >= 240)
            Assert.DoesNotContain(coverage, c => c.Value.Value == 0 || (c.Value.Gradient == 0 && c.Key is not "detach"));
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value : otherwise;

    internal static Dictionary<string, long> Sizes(long[] sizes) => new() { ["pair"] = sizes[0], ["item"] = sizes[1], ["token"] = sizes[2] };

    internal static Type Compile(IEnumerable<RandomObjective> objectives)
    {
        var text = new StringBuilder(InMemoryProject.Usings).Append("public static partial class Objectives\n{\n");
        foreach (var objective in objectives)
            text.Append(objective.Print());
        return new InMemoryProject([text.Append("}\n").ToString()]).Generate().Load().GetType("Objectives")!;
    }

    private (string? Failure, int Redrawn) Check(Type container, RandomObjective objective, Dictionary<string, long> sizes, bool record)
    {
        for (var attempt = 0; attempt < MostDraws; attempt++)
        {
            using var scope = NewDisposeScope();
            var inputs = objective.Draw((objective.Name.GetHashCode(StringComparison.Ordinal) & 0) + attempt + (objective.Size * 31), sizes);
            var monitor = new KinkMonitor();
            var values = objective.Inputs.Zip(inputs).ToDictionary(p => p.First.Name, p => p.Second);
            var bound = objective.Results.Select(r => RandomObjectives.Bind(r, values)).ToArray();
            var traced = bound.Select(b => b.Evaluate(monitor)).ToArray();
            if (monitor.Distance < KinkDistance || !monitor.IsFinite)
                continue;
            if (record)
                Record(monitor, traced[0]);
            foreach (var input in inputs.Where(i => i.requires_grad))
                input.grad?.zero_();
            return (Compare(container, objective, inputs, monitor.Scale), attempt);
        }

        return (null, MostDraws);
    }

    private void Record(KinkMonitor monitor, Tensor first)
    {
        if (first.requires_grad)
            first.sum().backward();
        foreach (var (node, value) in monitor.Visited)
        {
            var name = node.Operation.StartsWith("input ", StringComparison.Ordinal) ? "input" : node.Operation;
            var (drawn, values, gradients) = coverage.GetValueOrDefault(name);
            var gradient = value.requires_grad ? value.grad : null;
            coverage[name] = (
                drawn + 1,
                values + (value.detach().count_nonzero().ToInt64() > 0 ? 1 : 0),
                gradients + (gradient is not null && gradient.count_nonzero().ToInt64() > 0 ? 1 : 0));
        }
    }

    private static string? Compare(Type container, RandomObjective objective, Tensor[] inputs, double scale)
    {
        try
        {
            var arguments = inputs.Cast<object>().Append(objective.Beta).Append(objective.Gamma).ToArray();
            var eager = Unpack(container.GetMethod(objective.Name)!.Invoke(null, arguments)!);
            var surfaces = container.GetNestedType("Fused")!;
            var fused = Unpack(surfaces.GetMethod(objective.Name)!.Invoke(null, arguments)!);
            var upstream = ones_like(eager[0]) + (0.25 * arange(eager[0].numel(), float64).reshape(eager[0].shape));
            if (upstream.numel() == 1)
                upstream = ones_like(eager[0]);
            var wanted = Gradients(eager[0], upstream, objective, inputs);
            var tolerance = 1e-10 * Math.Max(scale, wanted.Where(w => w is not null && w.numel() > 0).Select(w => w!.abs().max().ToDouble()).DefaultIfEmpty(1).Max());
            for (var i = 0; i < eager.Length; i++)
                if (Differ(fused[i], eager[i], tolerance) is { } difference)
                    return $"Fused result {i}: {difference}";
            var got = Gradients(fused[0], upstream, objective, inputs);
            if (FirstDifference("Fused", objective, got, wanted, tolerance) is { } wrong)
                return wrong;
            if (FirstDifference("Fused, with residuals", objective, WithResiduals(() => Gradients(Unpack(surfaces.GetMethod(objective.Name)!.Invoke(null, arguments)!)[0], upstream, objective, inputs)), wanted, tolerance) is { } late)
                return late;
            var withGrad = surfaces.GetMethod(objective.Name + "WithGrad")!.Invoke(null, [.. arguments, upstream])!;
            var type = withGrad.GetType();
            var names = objective.Results.Length == 1 ? ["Value"] : objective.Results.Select((_, i) => $"R{i}").ToArray();
            for (var i = 0; i < eager.Length; i++)
                if (Differ((Tensor)type.GetProperty(names[i])!.GetValue(withGrad)!, eager[i], tolerance) is { } difference)
                    return $"WithGrad result {i}: {difference}";
            var gradients = objective.Inputs.Select(input => input.Kind == RandomInputKind.Differentiable
                ? (Tensor?)type.GetProperty("Grad" + char.ToUpperInvariant(input.Name[0]) + input.Name[1..])!.GetValue(withGrad)
                : null).ToArray();
            return FirstDifference("WithGrad", objective, gradients, wanted, tolerance);
        }
        catch (TargetInvocationException exception)
        {
            return exception.InnerException!.ToString();
        }
    }

    /// <summary>The gradients as large ones are computed: none with the value, but for products of matrices in tiles.</summary>
    private static Tensor?[] WithResiduals(Func<Tensor?[]> run)
    {
        var most = ObjectiveRun.MostPrecomputed;
        var (rows, elements) = (TiledKernel.EnoughRows, TiledKernel.LeastElements);
        ObjectiveRun.MostPrecomputed = -1;
        (TiledKernel.EnoughRows, TiledKernel.LeastElements) = (2, 1);
        try
        {
            return run();
        }
        finally
        {
            ObjectiveRun.MostPrecomputed = most;
            (TiledKernel.EnoughRows, TiledKernel.LeastElements) = (rows, elements);
        }
    }

    private static string? FirstDifference(string surface, RandomObjective objective, Tensor?[] got, Tensor?[] wanted, double tolerance)
    {
        for (var i = 0; i < wanted.Length; i++)
        {
            if (objective.Inputs[i].Kind != RandomInputKind.Differentiable)
                continue;
            var expected = wanted[i];
            var actual = got[i];
            if (expected is null && actual is null)
                continue;
            if (Differ(actual ?? zeros_like(expected!), expected ?? zeros_like(actual!), tolerance) is { } difference)
                return $"{surface} gradient of {objective.Inputs[i].Name}: {difference}";
        }

        return null;
    }

    internal static Tensor?[] Gradients(Tensor result, Tensor upstream, RandomObjective objective, Tensor[] inputs)
    {
        if (!result.requires_grad)
            return new Tensor?[inputs.Length];
        foreach (var input in inputs.Where(i => i.requires_grad))
            input.grad = null;
        result.backward([upstream]);
        return inputs.Select(i => i.requires_grad ? i.grad?.clone() : null).ToArray();
    }

    private static string? Differ(Tensor got, Tensor wanted, double tolerance)
    {
        if (!got.shape.SequenceEqual(wanted.shape))
            return $"shape [{string.Join(", ", got.shape)}], not [{string.Join(", ", wanted.shape)}]";
        if (got.dtype != wanted.dtype)
            return $"dtype {got.dtype}, not {wanted.dtype}";
        if (got.numel() == 0)
            return null;
        var error = (got.detach() - wanted.detach()).abs().max().ToDouble();
        return error <= tolerance ? null : $"error {error:g3} over {tolerance:g3}";
    }

    internal static Tensor[] Unpack(object result) =>
        result is Tensor tensor ? [tensor] : ((System.Runtime.CompilerServices.ITuple)result) is var tuple
            ? Enumerable.Range(0, tuple.Length).Select(i => (Tensor)tuple[i]!).ToArray() : [];

    /// <summary>The smallest objective found that still fails, as text to paste into a test.</summary>
    private string Shrink(RandomObjective objective, Dictionary<string, long> sizes, string failure)
    {
        for (var budget = 60; budget > 0;)
        {
            var smaller = objective.Results.SelectMany((r, i) => r.Shrinks().Select(s => objective with
            {
                Results = objective.Results.Select((old, j) => j == i ? s : old).ToArray(),
            })).Where(o => o.Size < objective.Size).OrderBy(o => o.Size).Take(budget).ToArray();
            var found = smaller.Select(candidate => (candidate, failure: TryCheck(candidate, sizes))).FirstOrDefault(c => { budget--; return c.failure is not null; });
            if (found.failure is null)
                break;
            (objective, failure) = (found.candidate, found.failure);
        }

        return $"{failure}\nsizes {string.Join(", ", sizes)}, beta {objective.Beta}, gamma {objective.Gamma}\n{objective.Print()}";
    }

    private string? TryCheck(RandomObjective objective, Dictionary<string, long> sizes)
    {
        try
        {
            return Check(Compile([objective]), objective, sizes, record: false).Failure;
        }
        catch (Xunit.Sdk.XunitException exception)
        {
            return exception.Message;
        }
    }
}
