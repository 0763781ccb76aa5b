using System.IO.Compression;

namespace Dpo.Autodiff.Package.Tests;

/// <summary>The packages as a user meets them: restored from a feed into a fresh project.</summary>
public sealed class PackageTests(PackedPackage package) : IClassFixture<PackedPackage>
{
    /// <summary>An objective of the user's own, one of the catalogue, and both in one; TorchSharp is touched before anything of ours.</summary>
    private const string Program = """
        using System;
        using Dpo.Autodiff;
        using Dpo.Autodiff.Objectives;
        using TorchSharp;
        using static TorchSharp.torch;
        using static TorchSharp.torch.nn.functional;

        namespace Consumer;

        /// <summary>Objectives of a user.</summary>
        public static partial class Mine
        {
            /// <summary>A margin loss.</summary>
            /// <param name="chosen">Rewards of chosen answers.</param>
            /// <param name="rejected">Rewards of rejected answers.</param>
            /// <param name="margin">By how much the one must lead.</param>
            /// <returns>The loss, and by how much it leads.</returns>
            [Objective]
            public static (Tensor loss, Tensor lead) Margin([Axes("pair")] Tensor chosen, [Axes("pair")] Tensor rejected, double margin = 0.5)
            {
                var lead = chosen - rejected;
                return (-logsigmoid(lead - margin).mean(), lead.detach());
            }

            /// <summary>The catalogue's objective inside one's own.</summary>
            /// <param name="chosen">Log-probabilities of chosen answers.</param>
            /// <param name="rejected">Log-probabilities of rejected answers.</param>
            /// <param name="referenceChosen">The same of the reference.</param>
            /// <param name="referenceRejected">The same of the reference, rejected.</param>
            /// <returns>The loss.</returns>
            [Objective]
            public static Tensor Mixed([Axes("pair")] Tensor chosen, [Axes("pair")] Tensor rejected, [Axes("pair"), NoGrad] Tensor referenceChosen, [Axes("pair"), NoGrad] Tensor referenceRejected)
                => (0.8 * Preference.Dpo(chosen, rejected, referenceChosen, referenceRejected).loss) + (0.2 * chosen.square().mean());
        }

        /// <summary>The program.</summary>
        internal static class Program
        {
            private static int Main()
            {
                using Tensor chosen = randn(100, dtype: ScalarType.Float64, requires_grad: true), rejected = randn(100, dtype: ScalarType.Float64, requires_grad: true);
                using Tensor referenceChosen = randn(100, dtype: ScalarType.Float64), referenceRejected = randn(100, dtype: ScalarType.Float64);
                using var loss = Mine.Fused.Margin(chosen, rejected).loss;
                loss.backward();
                using var result = Mine.Fused.MarginWithGrad(chosen, rejected);
                var same = Math.Abs(loss.ToDouble() - Mine.Margin(chosen, rejected).loss.ToDouble()) < 1e-12
                    && (chosen.grad! - result.GradChosen!).abs().max().ToDouble() < 1e-12
                    && Math.Abs(Mine.Fused.Mixed(chosen, rejected, referenceChosen, referenceRejected).ToDouble() - Mine.Mixed(chosen, rejected, referenceChosen, referenceRejected).ToDouble()) < 1e-12
                    && Math.Abs(Preference.Fused.Dpo(chosen, rejected, referenceChosen, referenceRejected).loss.ToDouble() - Preference.Dpo(chosen, rejected, referenceChosen, referenceRejected).loss.ToDouble()) < 1e-12;
                Console.WriteLine(Mine.Fused.MarginInfo.Formula);
                Console.WriteLine(same ? "the same" : "different");
                return same ? 0 : 1;
            }
        }
        """;

    [Fact]
    public void The_runtime_package_carries_the_generator_and_its_targets()
    {
        using var archive = ZipFile.OpenRead(Directory.GetFiles(package.Feed, "Dpo.Autodiff.0*.nupkg").Single());
        var entries = archive.Entries.Select(e => e.FullName).ToArray();
        Assert.Contains("analyzers/dotnet/cs/Dpo.Autodiff.Generator.dll", entries);
        Assert.Contains("buildTransitive/Dpo.Autodiff.targets", entries);
        Assert.Contains("lib/net10.0/Dpo.Autodiff.dll", entries);
        Assert.DoesNotContain(entries, e => e.Contains("CodeAnalysis", StringComparison.Ordinal));
    }

    [Fact]
    public void An_objective_of_a_user_compiles_and_runs()
    {
        var output = DotNet.Run(package.Consumer("Runs", Program), "run", "-c", "Release");
        Assert.Contains("the same", output, StringComparison.Ordinal);
        Assert.Contains("logsigmoid", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Generated_code_has_no_warning_under_the_strictest_settings()
    {
        // What the program itself does (a class that is not instantiated, ConfigureAwait, ...) is not the question: only generated files count.
        var folder = package.Consumer(
            "Strict",
            Program.Replace("grad!", "grad", StringComparison.Ordinal).Replace("GradChosen!", "GradChosen", StringComparison.Ordinal),
            """
            <LangVersion>12.0</LangVersion>
            <Nullable>disable</Nullable>
            <ImplicitUsings>disable</ImplicitUsings>
            <CheckForOverflowUnderflow>true</CheckForOverflowUnderflow>
            <AnalysisMode>All</AnalysisMode>
            <AnalysisLevel>latest-all</AnalysisLevel>
            <EnforceCodeStyleInBuild>true</EnforceCodeStyleInBuild>
            <GenerateDocumentationFile>true</GenerateDocumentationFile>
            <TreatWarningsAsErrors>false</TreatWarningsAsErrors>
            <EmitCompilerGeneratedFiles>true</EmitCompilerGeneratedFiles>
            """);
        var output = DotNet.Run(folder, "build", "-c", "Release", "--nologo");
        Assert.DoesNotContain(output.Split('\n'), line => line.Contains(".g.cs", StringComparison.Ordinal) && line.Contains("warning", StringComparison.Ordinal));
        Assert.Contains("the same", DotNet.Run(folder, "run", "-c", "Release", "--no-build"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_shape_error_is_a_compile_error_at_its_place()
    {
        var folder = package.Consumer("Wrong", Program.Replace("var lead = chosen - rejected;", "var lead = chosen - rejected.unsqueeze(-1);", StringComparison.Ordinal));
        var (exit, output) = DotNet.TryRun(folder, "build", "-c", "Release", "--nologo");
        Assert.NotEqual(0, exit);
        Assert.Matches(@"Program\.cs\(\d+,\d+\): error DPO00[345]\d", output);
    }
}
