namespace Dpo.Autodiff.Objectives.Tests.Harness;

/// <summary>The ways to compute an objective.</summary>
public enum Backend
{
    /// <summary>The method as written, with TorchSharp's autograd.</summary>
    Eager,

    /// <summary><c>Fused.Name</c>, with TorchSharp's autograd around it.</summary>
    Fused,

    /// <summary><c>Fused.NameWithGrad</c>.</summary>
    WithGrad,
}
