using static TorchSharp.torch;

namespace Align.Model;

/// <summary>
/// The rotary embedding of Su et al. (2021). A head's features i and i + width/2 are one pair, turned by position times base^(-2i/width): the
/// layout of Hugging Face's checkpoints. llama2.c pairs features 2i and 2i + 1; its weights are permuted when they are read.
/// </summary>
internal sealed class Rotary(LlamaConfig config) : IDisposable
{
    private Tensor? cosines;
    private Tensor? sines;

    /// <summary>Cosines and signed sines of the first positions, [position width] each: a head turns as <c>x * cos + roll(x, width/2) * sin</c>.</summary>
    public (Tensor Cosines, Tensor Sines) Table(long length, ScalarType dtype, Device device)
    {
        if (cosines is null || cosines.shape[0] < length || cosines.dtype != dtype || cosines.device_type != device.type || cosines.device_index != device.index)
            Fill(length, dtype, device);
        return (cosines!.narrow(0, 0, length), sines!.narrow(0, 0, length));
    }

    /// <summary>Turns the pairs of each head.</summary>
    public static Tensor Turn(Tensor heads, Tensor cosines, Tensor sines) => heads * cosines + heads.roll(heads.shape[^1] / 2, -1) * sines;

    /// <inheritdoc/>
    public void Dispose()
    {
        cosines?.Dispose();
        sines?.Dispose();
        (cosines, sines) = (null, null);
    }

    private void Fill(long length, ScalarType dtype, Device device)
    {
        Dispose();
        // Twice as long as asked for, so that a growing sequence does not fill the table at every step.
        var positions = (int)Math.Min(Math.Max(config.ContextLength, length), 2 * length);
        var (width, half) = (config.HeadWidth, config.HeadWidth / 2);
        var (cos, sin) = (new double[positions * width], new double[positions * width]);
        for (var i = 0; i < half; i++)
        {
            var frequency = Math.Pow(config.RopeBase, -2.0 * i / width);
            frequency = config.RopeScaling?.Apply(frequency) ?? frequency;
            for (var position = 0; position < positions; position++)
            {
                var (s, c) = Math.SinCos(position * frequency);
                cos[position * width + i] = cos[position * width + half + i] = c;
                sin[position * width + i] = -s;
                sin[position * width + half + i] = s;
            }
        }

        cosines = Kept(cos);
        sines = Kept(sin);

        Tensor Kept(double[] values)
        {
            using var exact = tensor(values, [positions, width]);
            return exact.to(dtype, device, copy: true).DetachFromDisposeScope();
        }
    }
}
