using System.Globalization;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>What the eager method gives, for the backends <c>eager</c> and <c>check</c>.</summary>
internal static class EagerRun
{
    // Of the largest value: the fused kernel may round otherwise than eager, in float32 by a few units of the last place and in both directions.
    private const double DoubleTolerance = 1e-9;
    private const double SingleTolerance = 1e-4;
    private const double HalfTolerance = 2e-2;

    internal static Tensor?[] WithGrad(ObjectiveSpec spec, int[] gradients, ReadOnlySpan<Tensor?> tensors, Func<Tensor?[], Tensor[]> eager, Tensor? upstream)
    {
        using var scope = NewDisposeScope();
        using var mode = enable_grad();
        var arguments = new Tensor?[tensors.Length];
        for (var i = 0; i < arguments.Length; i++)
        {
            arguments[i] = tensors[i]?.detach();
            if (Array.IndexOf(gradients, i) >= 0 && arguments[i] is { } argument && argument.is_floating_point())
                argument.requires_grad_(true);
        }

        var results = eager(arguments);
        if (upstream is null && results[0].dim() > 0)
            throw new ObjectiveArgumentException(spec.Name, "upstream", $"{spec.Results[0]} is not a scalar: its gradient needs an upstream gradient.");
        if (upstream is not null && !upstream.shape.SequenceEqual(results[0].shape))
            throw new ObjectiveArgumentException(spec.Name, "upstream", $"upstream has shape [{string.Join(", ", upstream.shape)}], but {spec.Results[0]} has [{string.Join(", ", results[0].shape)}].");
        if (results[0].requires_grad)
            results[0].backward(upstream is null ? null : [upstream]);
        var made = new Tensor?[results.Length + gradients.Length];
        for (var i = 0; i < results.Length; i++)
            made[i] = results[i].detach().MoveToOuterDisposeScope();
        for (var k = 0; k < gradients.Length; k++)
        {
            if (arguments[gradients[k]] is { requires_grad: true } argument)
                made[results.Length + k] = (argument.grad ?? zeros_like(argument)).MoveToOuterDisposeScope();
        }

        return made;
    }

    internal static void Check(ObjectiveSpec spec, Tensor[] fused, Tensor[] eager)
    {
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        // A call with gradients has them behind its results.
        for (var i = 0; i < eager.Length; i++)
        {
            var result = $"{spec.Name}: {spec.Results[i]}";
            if (!fused[i].shape.SequenceEqual(eager[i].shape))
                throw new InvalidOperationException($"{result} has shape [{string.Join(", ", fused[i].shape)}] fused, [{string.Join(", ", eager[i].shape)}] eager.");
            if (fused[i].dtype != eager[i].dtype)
                throw new InvalidOperationException($"{result} is {fused[i].dtype} fused, {eager[i].dtype} eager.");
            Compare(result, Values(fused[i]), Values(eager[i]), Tolerance(fused[i].dtype));
        }
    }

    // TorchSharp 0.107 cannot enumerate a tensor that has no elements and several axes.
    private static double[] Values(Tensor tensor) => tensor.numel() == 0 ? [] : tensor.detach().cpu().to(ScalarType.Float64).contiguous().data<double>().ToArray();

    private static double Tolerance(ScalarType dtype) => dtype switch
    {
        ScalarType.Float64 => DoubleTolerance,
        ScalarType.Float32 => SingleTolerance,
        ScalarType.Float16 or ScalarType.BFloat16 => HalfTolerance,
        _ => 0,
    };

    private static void Compare(string result, double[] fused, double[] eager, double tolerance)
    {
        // A value that only the stable form of the objective has is no difference.
        var scale = eager.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max();
        for (var i = 0; i < fused.Length; i++)
        {
            if (!double.IsFinite(eager[i]) || Math.Abs(fused[i] - eager[i]) <= tolerance * Math.Max(scale, 1))
                continue;
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{result}[{i}] is {fused[i]} fused, {eager[i]} eager."));
        }
    }
}
