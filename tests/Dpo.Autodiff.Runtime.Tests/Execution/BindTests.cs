using Dpo.Autodiff.Execution;
using static TorchSharp.torch;
using Size = Dpo.Autodiff.Execution.Size;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>What is checked of the tensors before a kernel sees them, and in what words.</summary>
[Collection(Route.Collection)]
public class BindTests
{
    // logits [2*pair token vocab], labels [2*pair token], mask? [2*pair token], weight [pair 3], temperature []
    private static readonly ObjectiveSpec Spec = new(
        "Token",
        ["pair", "token", "vocab"],
        [
            new("logits", [Axis(0, 2), Axis(1), Axis(2)], "2*pair token vocab", ParameterUses.Value, false, false, false),
            new("labels", [Axis(0, 2), Axis(1)], "2*pair token", ParameterUses.Index | ParameterUses.Value, false, false, false),
            new("mask", [Axis(0, 2), Axis(1)], "2*pair token", ParameterUses.Condition, true, false, false),
            new("weight", [Axis(0), new Size(3)], "pair 3", ParameterUses.Value, false, false, false),
            new("temperature", [], "", ParameterUses.Value, false, false, false),
        ],
        ["loss"]);

    [Fact]
    public void FindsTheSizes()
    {
        using var scope = NewDisposeScope();
        Span<long> extents = stackalloc long[3];
        Assert.True(Spec.Bind(Tensors(), extents));
        Assert.Equal([2, 5, 7], extents.ToArray());
    }

    [Fact]
    public void SizesOfAbsentTensorsAreNothing()
    {
        using var scope = NewDisposeScope();
        var spec = new ObjectiveSpec("X", ["pair"], [new("x", [], "", ParameterUses.Value, false, false, false), new("margin", [Axis(0)], "pair", ParameterUses.Value, true, false, false)], ["loss"]);
        Span<long> extents = [7];
        Assert.True(spec.Bind([ones([]), null], extents));
        Assert.Equal(0, extents[0]);
    }

    /// <summary>The gradient of strengths by a mean over no games is 0 in eager, and would be 0 / 0 in closed form.</summary>
    [Theory]
    [InlineData(0, true, false)]
    [InlineData(0, false, true)]
    [InlineData(2, true, true)]
    public void WhatSharesInNothingIsEagersToAnswer(int games, bool isDifferentiated, bool isFused)
    {
        using var scope = NewDisposeScope();
        var spec = new ObjectiveSpec(
            "X",
            ["player", "game"],
            [
                new("strength", [Axis(0)], "player", ParameterUses.Value, false, !isDifferentiated, false),
                new("winner", [Axis(1)], "game", ParameterUses.Index, false, false, false),
                new("weight", [Axis(1)], "game", ParameterUses.Value, false, false, false),
            ],
            ["loss"]);
        Span<long> extents = stackalloc long[2];
        Assert.Equal(isFused, spec.Bind([zeros(3), zeros(games, ScalarType.Int64), zeros(games)], extents));
        Assert.Equal([3, games], extents.ToArray());
    }

    [Theory]
    [InlineData(0, "null", "logits is null.")]
    [InlineData(1, "disposed", "labels has been disposed.")]
    [InlineData(0, "4 5", "logits has shape [4, 5], but its axes are [2*pair token vocab].")]
    [InlineData(0, "5 5 7", "logits has 2*pair = 5, which no whole pair gives.")]
    [InlineData(1, "6 5", "labels has pair = 3 (2*pair = 6), but logits has pair = 2")]
    [InlineData(1, "5 5", "labels has 2*pair = 5, but logits has pair = 2")]
    [InlineData(2, "4 6", "mask has token = 6, but logits has token = 5")]
    [InlineData(3, "2 4", "weight has size 4 at axis 1, but [pair 3] says 3.")]
    [InlineData(3, "1 3", "weight has pair = 1, but logits has pair = 2")]
    [InlineData(4, "1", "temperature has shape [1], but its axes are [].")]
    [InlineData(1, "Float32", "labels is Float32, but must be whole numbers (Int64): it is used as an index.")]
    [InlineData(1, "Bool", "labels is Bool, but must be whole numbers (Int64): it is used as an index.")]
    [InlineData(2, "Int64", "mask is Int64, but must be Bool: it is used as a condition.")]
    [InlineData(0, "ComplexFloat32", "logits is ComplexFloat32, but must be a real dtype.")]
    [InlineData(0, "sparse", "logits is sparse, but must be dense (to_dense()).")]
    [InlineData(3, "meta", "weight is on meta, but logits is on cpu.")]
    public void SaysWhatIsWrong(int parameter, string change, string message)
    {
        foreach (var usesExports in new[] { true, false })
        {
            using var route = new Route(Backend.Automatic, usesExports);
            using var scope = NewDisposeScope();
            var tensors = Tensors();
            tensors[parameter] = Changed(tensors[parameter]!, change);
            var exception = Assert.Throws<ObjectiveArgumentException>(() =>
            {
                Span<long> extents = stackalloc long[3];
                Spec.Bind(tensors, extents);
            });
            Assert.StartsWith("Token: " + message, exception.Message, StringComparison.Ordinal);
            Assert.Equal("Token", exception.Objective);
            Assert.Equal(Spec.Parameters[parameter].Name, exception.ParamName);
        }
    }

    [Fact]
    public void TwoAxesOfOneTensorAgree()
    {
        using var scope = NewDisposeScope();
        var spec = new ObjectiveSpec("X", ["item"], [new("x", [Axis(0), Axis(0)], "item item", ParameterUses.Value, false, false, false)], ["loss"]);
        using var x = ones(3, 4);
        var exception = Assert.Throws<ObjectiveArgumentException>(() =>
        {
            Span<long> extents = stackalloc long[1];
            spec.Bind([x], extents);
        });
        Assert.StartsWith("X: x has item = 4, but its axis 0 has item = 3", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WholeNumbersAreForEager()
    {
        using var scope = NewDisposeScope();
        Span<long> extents = stackalloc long[1];
        Tensor[] tensors = [.. Enumerable.Range(0, 4).Select(_ => ones(3, ScalarType.Int64))];
        Assert.False(DpoObjective.Spec.Bind(tensors, extents));
        using var route = new Route(Backend.Eager);
        Assert.False(DpoObjective.Spec.Bind([.. tensors.Select(tensor => tensor.@float())], extents));
    }

    [Fact]
    public void UnknownBackendsAreAnError()
    {
        Assert.Equal(Backend.Automatic, BackendChoice.Read(null));
        Assert.Equal(Backend.Check, BackendChoice.Read("check"));
        var exception = Assert.Throws<InvalidOperationException>(() => BackendChoice.Read("gpu"));
        Assert.Equal("DPO_AUTODIFF_BACKEND is 'gpu'. It may be torch, simd, cuda, eager or check.", exception.Message);
    }

    [Fact]
    public void ABackendByNameAnswersOrThrows()
    {
        using var scope = NewDisposeScope();
        using (new Route(Backend.Simd))
        {
            Span<long> extents = stackalloc long[3];
            Assert.True(Spec.Bind(Tensors(), extents));
            Assert.Throws<InvalidOperationException>(() => Bind([.. Tensors().Select(tensor => tensor!.to(META))]));
        }

        using (new Route(Backend.Cuda))
            Assert.Throws<InvalidOperationException>(() => Bind(Tensors()));

        static void Bind(Tensor?[] tensors)
        {
            Span<long> extents = stackalloc long[3];
            Spec.Bind(tensors, extents);
        }
    }

    private static Size Axis(int axis, long coefficient = 1) => new(0, new SizeTerm(axis, coefficient));

    private static Tensor?[] Tensors() => [randn(4, 5, 7), zeros(4, 5, ScalarType.Int64), ones(4, 5, ScalarType.Bool), ones(2, 3), ones([])];

    private static Tensor? Changed(Tensor tensor, string change)
    {
        switch (change)
        {
            case "null":
                return null;
            case "disposed":
                tensor.Dispose();
                return tensor;
            case "sparse":
                return sparse_coo_tensor(zeros(3, 1, ScalarType.Int64), ones(1), [4, 5, 7]);
            case "meta":
                return tensor.to(META);
            default:
                return Enum.TryParse<ScalarType>(change, out var dtype) && !char.IsDigit(change[0])
                    ? tensor.to(dtype)
                    : zeros([.. change.Split(' ').Select(long.Parse)], tensor.dtype);
        }
    }
}
