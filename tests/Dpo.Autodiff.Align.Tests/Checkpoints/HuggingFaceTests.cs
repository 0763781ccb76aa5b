using System.Text.Json;
using System.Text.Json.Nodes;
using Align.Checkpoints;
using Align.Model;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Checkpoints;

/// <summary>Folders in the layout of Hugging Face's tools.</summary>
public sealed class HuggingFaceTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void SavedModelsComeBack(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        foreach (var config in new[]
        {
            SmallModels.Grouped with { Beginning = 1, End = 2, Padding = 0 },
            SmallModels.Tied,
            SmallModels.Biased,
            SmallModels.AllBiased,
            SmallModels.Grouped with { RopeScaling = new RopeScaling(4) },
            SmallModels.Tied with { RopeScaling = new RopeScaling(8) { Bands = (1, 4, 8192) }, RopeBase = 500_000 },
        })
        {
            var model = SmallModels.Random(config, ScalarType.Float32);
            HuggingFaceFolder.Write(folder.Path, model, dtype);
            var again = HuggingFaceFolder.Read(folder.Path, LlamaConfigJson.Read(folder["config.json"]), ScalarType.Float32, null);
            Assert.Equal(config, again.Config);
            foreach (var ((name, before), (other, after)) in model.named_parameters().Zip(again.named_parameters()))
            {
                Assert.Equal(name, other);
                Assert.True(before.to(dtype).to(ScalarType.Float32).equal(after).all().item<bool>(), name);
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WeightsHaveTheNamesAndShapesOfLlamaForCausalLM(bool isTied)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        HuggingFaceFolder.Write(folder.Path, SmallModels.Random(SmallModels.Grouped with { Layers = 1, TiedHead = isTied }), ScalarType.BFloat16);
        using var file = SafeTensorsFile.Open(folder["model.safetensors"]);
        Assert.Equal("pt", file.Metadata["format"]);
        var expected = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["model.embed_tokens.weight"] = "29 24",
            ["model.layers.0.input_layernorm.weight"] = "24",
            ["model.layers.0.mlp.down_proj.weight"] = "24 20",
            ["model.layers.0.mlp.gate_proj.weight"] = "20 24",
            ["model.layers.0.mlp.up_proj.weight"] = "20 24",
            ["model.layers.0.post_attention_layernorm.weight"] = "24",
            ["model.layers.0.self_attn.k_proj.weight"] = "8 24",
            ["model.layers.0.self_attn.o_proj.weight"] = "24 24",
            ["model.layers.0.self_attn.q_proj.weight"] = "24 24",
            ["model.layers.0.self_attn.v_proj.weight"] = "8 24",
            ["model.norm.weight"] = "24",
        };
        if (!isTied)
            expected["lm_head.weight"] = "29 24";
        Assert.Equal(expected, new SortedDictionary<string, string>(file.Tensors.ToDictionary(t => t.Key, t => string.Join(' ', t.Value.Shape)), StringComparer.Ordinal));
        Assert.All(file.Tensors.Values, entry => Assert.Equal("BF16", entry.DType));
    }

    [Fact]
    public void TheConfigurationHasTheKeysOfLlamaConfig()
    {
        using var folder = new TemporaryFolder();
        using var model = new Llama(SmallModels.Tied with { Beginning = 1, End = 2 });
        HuggingFaceFolder.Write(folder.Path, model, ScalarType.BFloat16);
        var expected = JsonNode.Parse("""
            {
              "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "head_dim": 8, "hidden_act": "silu",
              "hidden_size": 24, "initializer_range": 0.02, "intermediate_size": 20, "max_position_embeddings": 32, "mlp_bias": false, "model_type": "llama",
              "num_attention_heads": 2, "num_hidden_layers": 2, "num_key_value_heads": 2, "pad_token_id": null, "pretraining_tp": 1, "rms_norm_eps": 0.001,
              "rope_scaling": null, "rope_theta": 500, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 29
            }
            """);
        var text = File.ReadAllText(folder["config.json"]);
        Assert.True(JsonNode.DeepEquals(expected, JsonNode.Parse(text)), text);
        // Readers that check types take a number without a point for an integer.
        Assert.Contains("\"rope_theta\": 500.0,", text, StringComparison.Ordinal);
        Assert.Contains("\"attention_dropout\": 0.0,", text, StringComparison.Ordinal);
        var generation = JsonNode.Parse("""{"_from_model_config": true, "bos_token_id": 1, "eos_token_id": 2}""");
        Assert.True(JsonNode.DeepEquals(generation, JsonNode.Parse(File.ReadAllText(folder["generation_config.json"]))));
    }

    [Fact]
    public void ABiasOfThreeProjectionsIsThatOfQwen2()
    {
        using var folder = new TemporaryFolder();
        using var model = new Llama(SmallModels.Biased);
        HuggingFaceFolder.Write(folder.Path, model, ScalarType.Float32);
        var json = JsonNode.Parse(File.ReadAllText(folder["config.json"]))!;
        Assert.Equal(("qwen2", "Qwen2ForCausalLM", false), (json["model_type"]!.GetValue<string>(), json["architectures"]![0]!.GetValue<string>(), json["attention_bias"]!.GetValue<bool>()));
        using var file = SafeTensorsFile.Open(folder["model.safetensors"]);
        Assert.Equal(["k_proj", "q_proj", "v_proj"], file.Tensors.Keys.Where(n => n.StartsWith("model.layers.1.", StringComparison.Ordinal) && n.EndsWith(".bias", StringComparison.Ordinal)).Select(n => n.Split('.')[4]).Order(StringComparer.Ordinal));
        using var wide = new Llama(SmallModels.Biased with { HeadWidth = 8 });
        Assert.Throws<CheckpointException>(() => HuggingFaceFolder.Write(folder.Path, wide, ScalarType.Float32));
    }

    [Fact]
    public void ShardsAreReadByTheirIndexAndLeaveNothingOld()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var model = SmallModels.Random(SmallModels.Grouped, ScalarType.Float32);
        HuggingFaceFolder.Write(folder.Path, model, ScalarType.Float32);
        HuggingFaceFolder.Write(folder.Path, model, ScalarType.Float32, longestShard: 8000);
        var shards = Directory.GetFiles(folder.Path, "*.safetensors").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal).ToArray();
        Assert.True(shards.Length > 2);
        Assert.Equal(shards, Enumerable.Range(1, shards.Length).Select(i => $"model-{i:00000}-of-{shards.Length:00000}.safetensors"));
        using (var index = JsonDocument.Parse(File.ReadAllText(folder["model.safetensors.index.json"])))
        {
            Assert.Equal(model.Config.Parameters * 4, index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
            var map = index.RootElement.GetProperty("weight_map").EnumerateObject().ToDictionary(e => e.Name, e => e.Value.GetString()!);
            foreach (var shard in shards)
            {
                using var file = SafeTensorsFile.Open(folder[shard]);
                Assert.All(file.Tensors.Keys, name => Assert.Equal(shard, map[name]));
            }
        }

        var ids = SmallModels.Ids(model.Config, 1, 8);
        Assert.True(model.call(ids).equal(Read(folder).call(ids)).all().item<bool>());
        HuggingFaceFolder.Write(folder.Path, model, ScalarType.Float32);
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"], Directory.GetFiles(folder.Path).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void OldFilesMayHoldMoreThanTheWeights()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var model = SmallModels.Random(SmallModels.Tied, ScalarType.Float32);
        HuggingFaceFolder.Write(folder.Path, model, ScalarType.Float32);
        Change(folder, tensors =>
        {
            tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"];
            tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = ones(4);
        });
        var ids = SmallModels.Ids(model.Config, 1, 8);
        Assert.True(model.call(ids).equal(Read(folder).call(ids)).all().item<bool>());
    }

    [Fact]
    public void RefusesWeightsThatAreNotTheConfigurations()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var model = SmallModels.Random(SmallModels.Grouped, ScalarType.Float32);
        string Message(Action<Dictionary<string, Tensor>> change)
        {
            HuggingFaceFolder.Write(folder.Path, model, ScalarType.Float32);
            Change(folder, change);
            return Assert.Throws<CheckpointException>(() => Read(folder)).Message;
        }

        Assert.Contains("lack model.norm.weight", Message(t => t.Remove("model.norm.weight")), StringComparison.Ordinal);
        Assert.Contains("[24, 1]; the configuration asks for [24]", Message(t => t["model.norm.weight"] = ones(24, 1)), StringComparison.Ordinal);
        Assert.Contains("is I64", Message(t => t["model.norm.weight"] = ones(24, ScalarType.Int64)), StringComparison.Ordinal);
        Assert.Contains("q_norm.weight is not a weight", Message(t => t["model.layers.0.self_attn.q_norm.weight"] = ones(4)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"weight_map": {"model.norm.weight": "../model.safetensors"}}""", "not the name of a file")]
    [InlineData("""{"weight_map": {"model.norm.weight": ".."}}""", "not the name of a file")]
    [InlineData("""{"weight_map": {"model.norm.weight": 1}}""", "not the name of a file")]
    [InlineData("""{"weight_map": {"model.norm.weight": "other.safetensors"}}""", "other.safetensors")]
    [InlineData("""{"weight_map": {"model.other.weight": "model.safetensors"}}""", "model.other.weight is not there")]
    [InlineData("""{"weight_map": {"model.norm.weight": "model.safetensors"}}""", "lack model.embed_tokens.weight")]
    [InlineData("""{"weights": {}}""", "no weight_map")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{", "not JSON")]
    public void RefusesIndexes(string index, string says)
    {
        using var folder = new TemporaryFolder();
        using var model = new Llama(SmallModels.Grouped);
        HuggingFaceFolder.Write(folder.Path, model, ScalarType.Float32);
        File.WriteAllText(folder["model.safetensors.index.json"], index);
        var message = Assert.Throws<CheckpointException>(() => Read(folder)).Message;
        Assert.True(message.Contains(says, StringComparison.Ordinal), message);
    }

    [Theory]
    [InlineData("model_type", "\"gpt2\"", "model_type is gpt2")]
    [InlineData("hidden_act", "\"gelu\"", "hidden_act is gelu")]
    [InlineData("mlp_bias", "true", "mlp_bias")]
    [InlineData("quantization_config", "{\"bits\": 4}", "quantised")]
    [InlineData("hidden_size", "null", "hidden_size is missing")]
    [InlineData("hidden_size", "\"24\"", "hidden_size is \"24\"")]
    [InlineData("num_hidden_layers", "0", "num_hidden_layers is 0")]
    [InlineData("num_key_value_heads", "4", "evenly")]
    [InlineData("rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 2}", "yarn")]
    [InlineData("rope_scaling", "{\"rope_type\": \"linear\"}", "factor is missing")]
    [InlineData("tie_word_embeddings", "1", "not true or false")]
    public void RefusesConfigurations(string key, string value, string says)
    {
        using var folder = new TemporaryFolder();
        Configure(folder, key, value);
        var exception = Assert.Throws<CheckpointException>(() => LlamaConfigJson.Read(folder["config.json"]));
        Assert.StartsWith(folder["config.json"], exception.Message, StringComparison.Ordinal);
        Assert.True(exception.Message.Contains(says, StringComparison.Ordinal), exception.Message);
    }

    [Fact]
    public void ReadsWhatConfigurationsOfOthersSay()
    {
        using var folder = new TemporaryFolder();
        LlamaConfig With(string key, string value)
        {
            Configure(folder, key, value);
            return LlamaConfigJson.Read(folder["config.json"]);
        }

        Assert.Equal(6, With("num_key_value_heads", "null").KeyValueHeads);
        Assert.Equal(4, With("head_dim", "null").HeadWidth);
        Assert.Equal(128009, With("eos_token_id", "[128009, 128001]").End);
        Assert.Null(With("pad_token_id", "-1").Padding);
        Configure(folder, "hidden_act", "\"silu\"", "bos_token_id", "eos_token_id");
        Assert.Equal((1, 2), (LlamaConfigJson.Read(folder["config.json"]).Beginning, LlamaConfigJson.Read(folder["config.json"]).End));
        Assert.Equal(10_000, With("rope_theta", "null").RopeBase);
        Assert.Equal(1e-6, With("rms_norm_eps", "null").NormEpsilon);
        Assert.Equal(8, With("sliding_window", "8").ContextLength);
        Assert.Equal(AttentionBias.All, With("attention_bias", "true").AttentionBias);
        Assert.Equal(AttentionBias.QueryKeyValue, With("model_type", "\"qwen2\"").AttentionBias);
        Assert.Equal(new RopeScaling(2), With("rope_scaling", "{\"type\": \"linear\", \"factor\": 2.0}").RopeScaling);
        Assert.Null(With("rope_scaling", "{\"rope_type\": \"default\"}").RopeScaling);
        var newer = With("rope_parameters", """{"rope_theta": 500000.0, "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}""");
        Assert.Equal(500_000, newer.RopeBase);
        Assert.Equal(new RopeScaling(32) { Bands = (1, 4, 8192) }, newer.RopeScaling);
    }

    /// <summary>The bands of Llama 3.1 as transformers computes them, wavelength by wavelength.</summary>
    [Fact]
    public void FrequenciesStretchAsTransformersHasIt()
    {
        var scaling = new RopeScaling(8) { Bands = (1, 4, 8192) };
        for (var i = 0; i < 64; i++)
        {
            var frequency = Math.Pow(500_000, -i / 64.0);
            var wavelength = 2 * Math.PI / frequency;
            var (longest, shortest) = (8192 / 1.0, 8192 / 4.0);
            var smooth = (8192 / wavelength - 1) / (4 - 1);
            var expected = wavelength > longest ? frequency / 8 : wavelength < shortest ? frequency : (1 - smooth) * frequency / 8 + smooth * frequency;
            Assert.Equal(expected, scaling.Apply(frequency), 1e-15);
        }
    }

    [SkippableFact]
    public void StoriesGoThroughAFolderUnchanged()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var (model, tokenizer) = Checkpoint.Load(SharedData.Need("models/stories260K/stories260K.bin"));
        Checkpoint.SaveHuggingFace(folder["new"], model, tokenizer);
        Assert.Equal(
            ["config.json", "generation_config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"],
            Directory.GetFiles(folder["new"]).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        var (again, pieces) = Checkpoint.Load(folder["new"]);
        Assert.Equal(model.Config, again.Config);
        Assert.Equal((tokenizer.Vocabulary, tokenizer.Beginning, tokenizer.End), (pieces.Vocabulary, pieces.Beginning, pieces.End));
        int[] prompt = [tokenizer.Beginning!.Value, .. tokenizer.Encode("Once upon a time")];
        Assert.Equal(prompt, new[] { pieces.Beginning!.Value }.Concat(pieces.Encode("Once upon a time")));
        using var generator = new Generator(1);
        var options = new SamplingOptions { Temperature = 0, MaximumTokens = 60 };
        var (expected, actual) = (Sampler.Generate(model, [prompt], options, generator).Ids, Sampler.Generate(again, [prompt], options, generator).Ids);
        Assert.Equal(expected.data<long>().ToArray(), actual.data<long>().ToArray());
    }

    [Fact]
    public void SaysWhichFileIsMissing()
    {
        using var folder = new TemporaryFolder();
        string Message() => Assert.Throws<CheckpointException>(() => Checkpoint.Load(folder.Path)).Message;
        Assert.Contains("config.json", Message(), StringComparison.Ordinal);
        using var model = new Llama(SmallModels.Grouped);
        HuggingFaceFolder.Write(folder.Path, model, ScalarType.Float32);
        Assert.Contains("tokenizer.json: the tokenizer is missing", Message(), StringComparison.Ordinal);
        File.Delete(folder["model.safetensors"]);
        File.WriteAllBytes(folder["pytorch_model.bin"], [1]);
        Assert.Contains("convert pytorch_model.bin", Assert.Throws<CheckpointException>(() => Read(folder)).Message, StringComparison.Ordinal);
    }

    private static Llama Read(TemporaryFolder folder) => HuggingFaceFolder.Read(folder.Path, LlamaConfigJson.Read(folder["config.json"]), ScalarType.Float32, null);

    private static void Change(TemporaryFolder folder, Action<Dictionary<string, Tensor>> change)
    {
        var tensors = new Dictionary<string, Tensor>(SafeTensors.Read(folder["model.safetensors"]));
        change(tensors);
        SafeTensors.Write(folder["model.safetensors"], tensors);
    }

    private static void Configure(TemporaryFolder folder, string key, string value, params string[] without)
    {
        LlamaConfigJson.Write(folder.Path, SmallModels.Grouped, ScalarType.Float32);
        var json = JsonNode.Parse(File.ReadAllText(folder["config.json"]))!;
        json[key] = JsonNode.Parse(value);
        foreach (var left in without)
            ((JsonObject)json).Remove(left);
        File.WriteAllText(folder["config.json"], json.ToJsonString());
    }
}
