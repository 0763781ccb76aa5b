using static TorchSharp.torch;

namespace Align.Training;

/// <summary>Tensors as the numbers that are reported.</summary>
internal static class Readings
{
    /// <summary>A scalar.</summary>
    public static double Number(this Tensor value) => value.to(ScalarType.Float64).item<double>();

    /// <summary>All elements, in order.</summary>
    public static double[] Numbers(this Tensor values) => [.. values.detach().to(ScalarType.Float64).cpu().data<double>()];

    /// <summary>TRL's metrics of the rewards of pairs, where there are any.</summary>
    public static void AddRewards(this Averages metrics, Tensor? chosen, Tensor? rejected, double share)
    {
        if (chosen is null || rejected is null)
            return;
        metrics.Add("rewards/chosen", Mean(chosen), share);
        metrics.Add("rewards/rejected", Mean(rejected), share);
        metrics.Add("rewards/accuracies", Mean(chosen > rejected), share);
        metrics.Add("rewards/margins", Mean(chosen - rejected), share);
    }

    /// <summary>The mean of all elements.</summary>
    public static double Mean(Tensor values) => values.to(ScalarType.Float64).mean().Number();
}
