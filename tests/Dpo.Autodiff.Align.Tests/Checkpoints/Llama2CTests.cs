using System.Text;
using Align.Checkpoints;
using Align.Model;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Checkpoints;

/// <summary>llama2.c's files: the published model, and what is refused.</summary>
public sealed class Llama2CTests
{
    private const string Stories = "models/stories260K/stories260K.bin";

    [SkippableTheory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void ThePublishedContinuationIsReproduced(ScalarType dtype)
    {
        var path = SharedData.Need(Stories);
        // Two lines about the file, the text, and a line that says that it was compared.
        var published = File.ReadAllText(SharedData.Need("models/stories260K/check_greedy_output.txt"));
        var begin = published.IndexOf("Once upon a time", StringComparison.Ordinal);
        var expected = published[begin..published.IndexOf("\nMATCH", StringComparison.Ordinal)];
        using var scope = NewDisposeScope();
        var (model, tokenizer) = Checkpoint.Load(path, dtype: dtype);
        Assert.Equal(260_032, model.Config.Parameters);
        int[] prompt = [tokenizer.Beginning!.Value, .. tokenizer.Encode("Once upon a time")];
        using var generator = new Generator(1);
        // 200 tokens after the first, the prompt's included.
        var (ids, lengths) = Sampler.Generate(model, [prompt], new SamplingOptions { Temperature = 0, MaximumTokens = 201 - prompt.Length }, generator);
        Assert.Equal(201, lengths.item<long>());
        Assert.Equal(expected, tokenizer.Decode([.. ids.data<long>().Select(id => (int)id)]));
    }

    [SkippableFact]
    public void WrittenAsItWasRead()
    {
        var path = SharedData.Need(Stories);
        using var folder = new TemporaryFolder();
        using (var model = Llama2C.Read(path, ScalarType.Float32, null))
            Llama2C.Write(folder["again.bin"], model);
        var (before, after) = (File.ReadAllBytes(path), File.ReadAllBytes(folder["again.bin"]));
        // The angles at the end are computed, by other programs in float32.
        var weights = 7 * sizeof(int) + 260_032 * sizeof(float);
        Assert.Equal(before[..weights], after[..weights]);
        Assert.Equal(before.Length, after.Length);
        for (var at = weights; at < before.Length; at += sizeof(float))
            Assert.Equal(BitConverter.ToSingle(before, at), BitConverter.ToSingle(after, at), 1e-4f);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AnyModelGoesThereAndBack(bool isTied)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var model = SmallModels.Random(SmallModels.Grouped with { TiedHead = isTied }, ScalarType.Float32);
        Llama2C.Write(folder["model.bin"], model);
        var again = Llama2C.Read(folder["model.bin"], ScalarType.Float32, null);
        Assert.Equal(model.Config with { Beginning = 1, End = 2 }, again.Config);
        var ids = SmallModels.Ids(model.Config, 2, 9);
        Assert.True(model.call(ids).equal(again.call(ids)).all().item<bool>());
        Assert.Equal(["model.bin"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    /// <summary>The layout of llama2.c, by its own rule: features 2i and 2i + 1 of a head turn together.</summary>
    [Fact]
    public void PermutedPairsTurnAsInterleavedOnes()
    {
        using var scope = NewDisposeScope();
        const int Width = 8;
        var (x, wq, wk) = (randn(5, 12, ScalarType.Float64), randn(2 * Width, 12, ScalarType.Float64), randn(2 * Width, 12, ScalarType.Float64));
        using var rotary = new Rotary(SmallModels.Grouped with { HeadWidth = Width });
        var (cosines, sines) = rotary.Table(5, ScalarType.Float64, CPU);
        Tensor Halves(Tensor weight) => Rotary.Turn(x.matmul(RotaryLayout.ToHalves(weight, Width).t()).view(5, 2, Width).transpose(0, 1), cosines, sines);
        Tensor Pairs(Tensor weight)
        {
            var projected = x.matmul(weight.t());
            var turned = projected.clone();
            for (var position = 0; position < 5; position++)
            {
                for (var i = 0; i < 2 * Width; i += 2)
                {
                    var (sin, cos) = Math.SinCos(position / Math.Pow(10_000, i % Width / (double)Width));
                    var (a, b) = (projected[position, i].item<double>(), projected[position, i + 1].item<double>());
                    turned[position, i] = tensor(a * cos - b * sin);
                    turned[position, i + 1] = tensor(a * sin + b * cos);
                }
            }

            return turned.view(5, 2, Width).transpose(0, 1);
        }

        var expected = Pairs(wq).matmul(Pairs(wk).transpose(1, 2));
        var actual = Halves(wq).matmul(Halves(wk).transpose(1, 2));
        Assert.True((expected - actual).abs().max().item<double>() < 1e-12);
        Assert.True(RotaryLayout.ToPairs(RotaryLayout.ToHalves(wq, Width), Width).equal(wq).all().item<bool>());
    }

    public static TheoryData<string, byte[], string> Damaged
    {
        get
        {
            static byte[] Header(params int[] sizes) => [.. sizes.SelectMany(BitConverter.GetBytes)];
            return new TheoryData<string, byte[], string>
            {
                { "empty", [], "empty" },
                { "a few bytes", [1, 2, 3], "too few" },
                { "text", Encoding.UTF8.GetBytes("This is a text, not a checkpoint of any kind."), "llama2.c" },
                { "version 1", [.. Header(0x616b3432, 1, 64, 172, 5, 8, 4), .. new byte[300]], "--version 0" },
                { "no layers", Header(64, 172, 0, 8, 4, 512, 512), "Layers is 0" },
                { "heads that do not divide", Header(64, 172, 5, 7, 7, 512, 512), "7 heads" },
                { "no weights", Header(64, 172, 5, 8, 4, 512, 512), "1056540" },
                { "more than there can be", Header(2147483646, 2147483647, 2147483647, 1, 1, 2147483647, 2147483647), "need" },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Damaged))]
    public void RefusesDamagedFiles(string what, byte[] bytes, string says)
    {
        using var folder = new TemporaryFolder();
        var path = folder["damaged.bin"];
        File.WriteAllBytes(path, bytes);
        var exception = Assert.Throws<CheckpointException>(() => Llama2C.Read(path, ScalarType.Float32, null));
        Assert.StartsWith(path, exception.Message, StringComparison.Ordinal);
        Assert.True(exception.Message.Contains(says, StringComparison.Ordinal), $"{what}: {exception.Message}");
    }

    [SkippableTheory]
    [InlineData(-1)]
    [InlineData(1)]
    public void RefusesAFileThatIsLongerOrShorter(int more)
    {
        var bytes = File.ReadAllBytes(SharedData.Need(Stories));
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["model.bin"], more < 0 ? bytes[..^1] : [.. bytes, 0]);
        Assert.Contains("1056540", Assert.Throws<CheckpointException>(() => Llama2C.Read(folder["model.bin"], ScalarType.Float32, null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderIsToldFromTheFileInIt()
    {
        using var folder = new TemporaryFolder();
        var path = Path.GetDirectoryName(folder["model.bin"])!;
        Assert.DoesNotContain("llama2.c", Assert.Throws<CheckpointException>(() => Checkpoint.Load(path)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(folder["tok512.bin"], [0]);
        File.WriteAllBytes(folder["model.bin"], [0]);
        Assert.EndsWith(folder["model.bin"], Assert.Throws<CheckpointException>(() => Checkpoint.Load(path)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void TheTokenizerIsTheOneBesideOrTheOneGiven()
    {
        using var folder = new TemporaryFolder();
        File.Copy(SharedData.Need(Stories), folder["model.bin"]);
        Assert.Contains("--tokenizer", Assert.Throws<CheckpointException>(() => Checkpoint.Load(folder["model.bin"])).Message, StringComparison.Ordinal);
        var pieces = File.ReadAllBytes(SharedData.Need("models/stories260K/tok512.bin"));
        File.WriteAllBytes(folder["other.bin"], pieces);
        Checkpoint.Load(folder["model.bin"], folder["other.bin"]).Model.Dispose();
        File.WriteAllBytes(folder["tok.bin"], [.. pieces, 0, 0, 0, 0, 1, 0, 0, 0, 65]);
        Assert.Contains("513", Assert.Throws<CheckpointException>(() => Checkpoint.Load(folder["model.bin"])).Message, StringComparison.Ordinal);
        Assert.Contains("no such", Assert.Throws<CheckpointException>(() => Checkpoint.Load(folder["missing.bin"])).Message, StringComparison.Ordinal);
    }
}
