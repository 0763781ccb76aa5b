using System.Collections.ObjectModel;
using System.Text;

namespace Dpo.Autodiff;

/// <summary>What the generator made of an objective.</summary>
public sealed class ObjectiveInfo
{
    /// <summary>The objective's name.</summary>
    public string Name { get; init; } = "";

    /// <summary>The results in closed form, common subexpressions named once.</summary>
    public string Formula { get; init; } = "";

    /// <summary>The gradient of the first result in closed form, by differentiable parameter.</summary>
    public IReadOnlyDictionary<string, string> Gradients { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>The named axes, in the order of their first appearance.</summary>
    public IReadOnlyList<string> Axes { get; init; } = [];

    /// <summary>The stages of the value-and-gradient kernel, and why each begins.</summary>
    public IReadOnlyList<string> Stages { get; init; } = [];

    /// <summary>Bytes that value and gradient read, per element of the largest loop, in float32, where no row is masked.</summary>
    public double BytesRead { get; init; }

    /// <summary>Bytes that value and gradient write, per element of the largest loop, in float32.</summary>
    public double BytesWritten { get; init; }

    /// <summary>The differentiated program, as text.</summary>
    public string Program { get; init; } = "";

    /// <summary>The loops and buffers of the value-and-gradient kernel, as text.</summary>
    public string Plan { get; init; } = "";

    /// <summary>The C# source of the CPU kernels.</summary>
    public string CpuSource { get; init; } = "";

    /// <summary>The CUDA C source of the kernels; empty where there is none.</summary>
    public string CudaSource { get; init; } = "";

    /// <summary>
    /// The objective and its gradients in closed form, for snapshot tests: it changes only with the objective or the generator's major
    /// version. How the kernels run (<see cref="Plan"/>, <see cref="Stages"/>, sources) may change in between and is left out.
    /// </summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(Name).Append('[').AppendJoin(' ', Axes).Append("]\n").Append(Formula).Append('\n');
        foreach (var (_, formula) in Gradients.OrderBy(gradient => gradient.Key, StringComparer.Ordinal))
            text.Append(formula).Append('\n');
        return text.ToString();
    }
}
