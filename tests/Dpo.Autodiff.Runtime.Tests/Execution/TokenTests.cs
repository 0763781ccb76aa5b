using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>Indices, conditions, absent tensors, results of every kind, and what is wrong with them.</summary>
[Collection(Route.Collection)]
public class TokenTests
{
    public static TheoryData<Way> Ways => FusedTests.Ways;

    [Theory]
    [MemberData(nameof(Ways))]
    public void GivesEagersValuesAndGradients(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        foreach (var dtype in new[] { ScalarType.Int64, ScalarType.Int32, ScalarType.Byte })
        {
            foreach (var isMasked in new[] { true, false })
            {
                var eager = randn(5, 7).requires_grad_(true);
                var fused = eager.detach().clone().requires_grad_(true);
                var labels = randint(0, 7, 5).to(dtype);
                var mask = isMasked ? tensor(new[] { true, false, true, true, false }) : null;
                var scale = tensor(1.5, ScalarType.Float64);
                var weights = randn(5);
                var expected = TokenObjective.Eager(eager, labels, mask, scale);
                var found = TokenObjective.Fused(fused, labels, mask, scale);
                for (var i = 0; i < 3; i++)
                {
                    Assert.Equal(expected[i].dtype, found[i].dtype);
                    Assert.Equal(i == 0, found[i].requires_grad);
                    Values.Near(expected[i], found[i]);
                }

                expected[0].mul(weights).sum().backward();
                found[0].mul(weights).sum().backward();
                Values.Near(eager.grad, fused.grad);
                Values.Near(eager.grad, TokenObjective.WithGrad(fused, labels, mask, scale, weights)[3]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void AResultWithDimensionsNeedsAnUpstreamGradient(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        var message = Assert.Throws<ObjectiveArgumentException>(() => TokenObjective.WithGrad(randn(5, 7), zeros(5, ScalarType.Int64), null, ones([]), null)).Message;
        Assert.StartsWith("Token: scores is not a scalar: its gradient needs an upstream gradient.", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Way.SimdByExports)]
    [InlineData(Way.SimdByPublicMembers)]
    public void AnIndexOutOfRangeIsNamed(Way way)
    {
        using var route = new Route(way);
        using var scope = NewDisposeScope();
        foreach (var label in new long[] { 7, -1, long.MaxValue, long.MinValue })
        {
            var logits = randn(2, 7).requires_grad_(true);
            var labels = tensor(new[] { 3, label });
            var exception = Assert.Throws<ObjectiveArgumentException>(() => TokenObjective.Fused(logits, labels, null, ones([])));
            Assert.StartsWith($"Token: labels has {label} at [", exception.Message, StringComparison.Ordinal);
            Assert.Equal("labels", exception.ParamName);
            Assert.Throws<ObjectiveArgumentException>(() => TokenObjective.WithGrad(logits, labels, null, ones([]), ones(2)));
        }

    }
}
