using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>Divergences of log-probabilities over the last axis; objectives of other assemblies can call these too.</content>
public static partial class Distillation
{
    /// <summary><c>KL(p, q) = sum p (log p - log q)</c>, with 0 where p is 0, whatever q is there.</summary>
    [ObjectiveFunction]
    public static Tensor KullbackLeibler(Tensor logP, Tensor logQ) => where(logP > double.NegativeInfinity, exp(logP) * (logP - logQ), 0.0).sum([-1]);

    /// <summary><c>log((1 - weight) p + weight q)</c>, weight between 0 and 1.</summary>
    [ObjectiveFunction]
    public static Tensor LogMixture(Tensor logP, Tensor logQ, double weight)
    {
        var (ofP, ofQ) = (logP + Math.Log(1 - weight), logQ + Math.Log(weight));
        // Both may be -inf; the bound is below every other logarithm of a probability.
        var larger = maximum(ofP, ofQ).clamp_min(-1e30).detach();
        return larger + log(exp(ofP - larger) + exp(ofQ - larger));
    }

    /// <summary>
    /// The generalised Jensen-Shannon divergence of Agarwal et al. 2024 (GKD), as in TRL: <c>beta KL(teacher, m) + (1 - beta) KL(student, m)</c> of the mixture
    /// <c>m = (1 - beta) student + beta teacher</c>; KL(teacher, student) at 0 and KL(student, teacher) at 1.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor JensenShannon(Tensor student, Tensor teacher, double beta)
    {
        if (beta == 0)
            return KullbackLeibler(teacher, student);
        if (beta == 1)
            return KullbackLeibler(student, teacher);
        var mixture = LogMixture(student, teacher, beta);
        return beta * KullbackLeibler(teacher, mixture) + (1 - beta) * KullbackLeibler(student, mixture);
    }
}
