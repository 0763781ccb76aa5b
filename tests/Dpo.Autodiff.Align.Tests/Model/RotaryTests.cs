using Align.Model;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Model;

/// <summary>The tables of the rotary embedding are made once for what they are asked for.</summary>
public sealed class RotaryTests
{
    [Fact]
    public void TablesAreKept()
    {
        using var scope = NewDisposeScope();
        using var model = new Llama(SmallModels.Grouped);
        using var rotary = new Rotary(model.Config);
        var (cosines, _) = rotary.Table(5, ScalarType.Float32, model.Device);
        Assert.Equal([5, 4], cosines.shape);
        cosines.zero_();
        // Zeros are seen where the table is the same one.
        Assert.Equal(0, rotary.Table(5, ScalarType.Float32, model.Device).Cosines.abs().sum().item<float>());
        Assert.NotEqual(0, rotary.Table(6, ScalarType.Float32, model.Device).Cosines.narrow(0, 5, 1).abs().sum().item<float>());
        Assert.Equal(0, rotary.Table(3, ScalarType.Float32, model.Device).Cosines.abs().sum().item<float>());
    }

    [Fact]
    public void TablesAreMadeAnewForMorePositionsAndOtherDTypes()
    {
        using var scope = NewDisposeScope();
        using var rotary = new Rotary(SmallModels.Grouped);
        rotary.Table(3, ScalarType.Float32, CPU).Cosines.zero_();
        var cosines = rotary.Table(30, ScalarType.Float32, CPU).Cosines;
        Assert.Equal(4, cosines[0].sum().item<float>());
        var (exact, signed) = rotary.Table(3, ScalarType.Float64, CPU);
        Assert.Equal(Math.Cos(2), exact[2, 0].item<double>());
        Assert.Equal(-Math.Sin(2), signed[2, 0].item<double>());
        Assert.Equal(Math.Sin(2 / Math.Sqrt(10_000)), signed[2, 3].item<double>());
        Assert.Equal((float)Math.Cos(2), rotary.Table(9, ScalarType.Float32, CPU).Cosines[2, 0].item<float>());
    }
}
