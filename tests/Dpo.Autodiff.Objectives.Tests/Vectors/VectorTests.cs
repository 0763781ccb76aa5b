using Dpo.Autodiff.Objectives.Tests.Harness;
using TorchSharp;
using Xunit.Abstractions;
using Xunit.Sdk;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>Values and gradients that the peers' own code gives, in float64 (shared/data/vectors).</summary>
public sealed class VectorTests(VectorTests.Tally tally, ITestOutputHelper output) : IClassFixture<VectorTests.Tally>
{
    /// <summary>Of the peers' own scale: their formulas round differently from ours.</summary>
    private const double Tolerance = 1e-10;

    public static TheoryData<string, Backend> Files
    {
        get
        {
            var data = new TheoryData<string, Backend>();
            foreach (var backend in Enum.GetValues<Backend>())
                foreach (var file in VectorFile.Names.DefaultIfEmpty("none"))
                    data.Add(file, backend);
            return data;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Files))]
    public void ThePublishedValuesAreReproduced(string file, Backend backend)
    {
        Skip.If(VectorFile.Folder is null, "shared/data/vectors is not beside the repository.");
        var failures = new List<string>();
        var cases = VectorFile.Read(file);
        foreach (var published in cases)
        {
            using var scope = NewDisposeScope();
            var reproduction = Reproductions.Of(published);
            try
            {
                Check(published, reproduction, backend, failures);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                failures.Add($"{published}: {exception.GetType().Name} {exception.Message}");
            }

            tally.Add(backend);
        }

        foreach (var failure in failures)
            output.WriteLine(failure);
        Assert.True(failures.Count == 0, $"{failures.Count} of {cases.Length}:\n" + string.Join("\n", failures));
    }

    private static void Check(VectorCase published, Reproduction reproduction, Backend backend, List<string> failures)
    {
        var differentiated = reproduction.Inputs.Where(i => published.Differentiated.Contains(i.Value)).Select(i => i.Key).ToArray();
        Assert.Equal(published.Differentiated.Length, differentiated.Length);
        var outcome = reproduction.Objective.Run(backend, reproduction.Arguments, differentiated);
        Compare("loss", outcome.Loss, published.Loss);
        foreach (var name in reproduction.IsWithoutGradient ? [] : differentiated)
            Compare("gradient of " + name, outcome.Gradients[name], published.Gradient(reproduction.Inputs[name]));
        foreach (var (ours, theirs) in reproduction.Outputs)
            Compare(ours, outcome.Results[ours], published.Output(theirs));
        // Where the peer raises, ours must at least be a number, unless it is the mean of nothing.
        if (published.Raises && !published.Name.EndsWith("empty", StringComparison.Ordinal))
            Assert.True(double.IsFinite(outcome.Loss.ToDouble()), published + " raises at the peer's and is not finite here.");

        void Compare(string what, Tensor? actual, double[]? expected)
        {
            if (expected is null)
                return;
            var values = actual is null ? new double[expected.Length] : actual.to_type(ScalarType.Float64).contiguous().cpu().data<double>().ToArray();
            // A peer's NaN or infinity describes the peer; other values beside it are its answers.
            var finite = Enumerable.Range(0, expected.Length).Where(i => double.IsFinite(expected[i])).ToArray();
            var scale = Math.Max(reproduction.Scale, finite.Length == 0 ? 0 : finite.Max(i => Math.Abs(expected[i])));
            if (values.Length != expected.Length)
            {
                failures.Add($"{published}: {what} has {values.Length} elements, not {expected.Length}");
                return;
            }

            foreach (var i in finite)
                if (!(Math.Abs(values[i] - expected[i]) <= Tolerance * scale))
                {
                    failures.Add($"{published}: {what}[{i}] is {values[i]:R}, not {expected[i]:R}");
                    return;
                }
        }
    }

    /// <summary>Counts the cases, and says at the end how many ran.</summary>
    public sealed class Tally(IMessageSink messages) : IDisposable
    {
        private readonly int[] ran = new int[3];

        public void Add(Backend backend) => Interlocked.Increment(ref ran[(int)backend]);

        public void Dispose()
        {
            foreach (var backend in Enum.GetValues<Backend>())
                messages.OnMessage(new DiagnosticMessage($"published cases, {backend}: {ran[(int)backend]} of {VectorFile.Names.Sum(n => VectorFile.Read(n).Length)} ran"));
        }
    }
}
