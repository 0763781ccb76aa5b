using System.Reflection;
using Dpo.Autodiff.Generator.Emit;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Tests.Harness;
using Microsoft.CodeAnalysis;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>An emitted method, compiled.</summary>
internal delegate Tensor[] TorchMethodCall(ReadOnlySpan<Tensor> inputs, ReadOnlySpan<long> extents, ReadOnlySpan<double> scalars, ulong needs);

/// <summary>Programs emitted as TorchSharp calls, compiled together in memory without a warning, and run.</summary>
internal sealed class TorchCode
{
    private readonly IReadOnlyList<string> axes;
    private readonly TorchMethodCall[] methods;

    public TorchCode(IReadOnlyList<Program> programs, params string[] axes)
    {
        this.axes = axes;
        Texts = programs.Select((p, i) => TorchEmitter.Emit(p, "M" + i, axes.ToEquatableArray())).ToArray();
        var source = "#nullable enable\ninternal static class Emitted\n{\n" + string.Join("\n", Texts) + "}\n";
        var project = new InMemoryProject([source], checkOverflow: true);
        var complaints = project.CompilerDiagnostics();
        Assert.True(complaints.Length == 0, string.Join("\n", complaints.Take(5).Select(c => c + "\n" + c.Location.SourceTree?.GetText().Lines[c.Location.GetLineSpan().StartLinePosition.Line])));
        var type = project.Load().GetType("Emitted")!;
        methods = programs.Select((_, i) => type.GetMethod("M" + i, BindingFlags.Static | BindingFlags.NonPublic)!.CreateDelegate<TorchMethodCall>()).ToArray();
    }

    public IReadOnlyList<string> Texts { get; }

    public Tensor[] Run(int program, Tensor[] inputs, IReadOnlyDictionary<string, long> sizes, double[] scalars, ulong needs = ulong.MaxValue) =>
        methods[program](inputs, axes.Select(a => sizes[a]).ToArray(), scalars, needs);
}
