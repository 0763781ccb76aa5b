using Align.Checkpoints;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Checkpoints;

/// <summary>Tensors that are longer than a span are copied in parts; here the parts are small instead.</summary>
public sealed class LargeTensorTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(24)]
    [InlineData(25)]
    [InlineData(88)]
    [InlineData(1000)]
    public void PartsAreTheWhole(long longest)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var tensor = arange(11);
        using (var stream = File.Create(folder["x"]))
        {
            stream.Write([1, 2, 3]);
            TensorBytes.Write(stream, tensor, longest);
            stream.WriteByte(4);
        }

        var read = zeros_like(tensor);
        using var file = MappedFile.Open(folder["x"]);
        Assert.Equal(92, file.Length);
        Assert.Equal(91, file.CopyTo(read, 3, longest));
        Assert.True(tensor.equal(read).all().item<bool>());
        Assert.Throws<ArgumentOutOfRangeException>(() => file.CopyTo(read, 5, longest));
    }
}
