using Align.Model;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Harness;

/// <summary>The decoder once more, in loops over numbers, as its papers state it: what the module is compared with.</summary>
internal sealed class LoopedLlama
{
    private readonly LlamaConfig config;
    private readonly Dictionary<string, double[]> weights = [];

    public LoopedLlama(Llama model)
    {
        config = model.Config;
        foreach (var (name, parameter) in model.named_parameters())
            weights[name] = [.. parameter.detach().to(ScalarType.Float64).data<double>()];
    }

    /// <summary>The logits of each token of one sequence.</summary>
    public double[][] Logits(IReadOnlyList<long> ids)
    {
        var stream = ids.Select(id => weights["embed_tokens.weight"][(int)(id * config.Width)..(int)((id + 1) * config.Width)]).ToArray();
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var name = $"layers.{layer}";
            var normal = stream.Select(x => Norm($"{name}.input_layernorm.weight", x)).ToArray();
            var attended = Attend(name, normal);
            for (var t = 0; t < stream.Length; t++)
                stream[t] = Sum(stream[t], attended[t]);
            for (var t = 0; t < stream.Length; t++)
                stream[t] = Sum(stream[t], FeedForward(name, Norm($"{name}.post_attention_layernorm.weight", stream[t])));
        }

        var head = config.TiedHead ? "embed_tokens.weight" : "lm_head.weight";
        return [.. stream.Select(x => Apply(head, Norm("norm.weight", x)))];
    }

    private double[][] Attend(string name, double[][] stream)
    {
        var width = config.HeadWidth;
        var queries = stream.Select((x, t) => Turn(Apply($"{name}.self_attn.q_proj.weight", x), t)).ToArray();
        var keys = stream.Select((x, t) => Turn(Apply($"{name}.self_attn.k_proj.weight", x), t)).ToArray();
        var values = stream.Select(x => Apply($"{name}.self_attn.v_proj.weight", x)).ToArray();
        var result = new double[stream.Length][];
        for (var t = 0; t < stream.Length; t++)
        {
            var heads = new double[config.Heads * width];
            for (var head = 0; head < config.Heads; head++)
            {
                var shared = head / (config.Heads / config.KeyValueHeads);
                var scores = Enumerable.Range(0, t + 1)
                    .Select(s => Math.Exp(Enumerable.Range(0, width).Sum(i => queries[t][head * width + i] * keys[s][shared * width + i]) / Math.Sqrt(width)))
                    .ToArray();
                for (var i = 0; i < width; i++)
                    heads[head * width + i] = Enumerable.Range(0, t + 1).Sum(s => scores[s] * values[s][shared * width + i]) / scores.Sum();
            }

            result[t] = Apply($"{name}.self_attn.o_proj.weight", heads);
        }

        return result;
    }

    private double[] FeedForward(string name, double[] x)
    {
        var gate = Apply($"{name}.mlp.gate_proj.weight", x);
        var up = Apply($"{name}.mlp.up_proj.weight", x);
        return Apply($"{name}.mlp.down_proj.weight", [.. gate.Select((g, i) => g / (1 + Math.Exp(-g)) * up[i])]);
    }

    /// <summary>Each head's pairs (i, i + width/2) as complex numbers, turned.</summary>
    private double[] Turn(double[] heads, int position)
    {
        var (width, half) = (config.HeadWidth, config.HeadWidth / 2);
        var turned = new double[heads.Length];
        for (var begin = 0; begin < heads.Length; begin += width)
        {
            for (var i = 0; i < half; i++)
            {
                var frequency = Math.Pow(config.RopeBase, -2.0 * i / width);
                var pair = new System.Numerics.Complex(heads[begin + i], heads[begin + half + i])
                    * System.Numerics.Complex.FromPolarCoordinates(1, position * (config.RopeScaling?.Apply(frequency) ?? frequency));
                (turned[begin + i], turned[begin + half + i]) = (pair.Real, pair.Imaginary);
            }
        }

        return turned;
    }

    private double[] Norm(string weight, double[] x)
    {
        var root = Math.Sqrt(x.Sum(v => v * v) / x.Length + config.NormEpsilon);
        return [.. x.Select((v, i) => weights[weight][i] * v / root)];
    }

    private double[] Apply(string weight, double[] x)
    {
        var w = weights[weight];
        var bias = weights.GetValueOrDefault(weight.Replace(".weight", ".bias", StringComparison.Ordinal));
        return [.. Enumerable.Range(0, w.Length / x.Length).Select(row => (bias?[row] ?? 0) + Enumerable.Range(0, x.Length).Sum(i => w[row * x.Length + i] * x[i]))];
    }

    private static double[] Sum(double[] x, double[] y) => [.. x.Select((v, i) => v + y[i])];
}
