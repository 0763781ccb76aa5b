using Align.Checkpoints;
using Align.Model;
using static TorchSharp.torch;

if (args is not [var path, ..])
{
    Console.Error.WriteLine("align MODEL [PROMPT]: continues the prompt.");
    return 1;
}

var (model, tokenizer) = Checkpoint.Load(path);
using (model)
{
    var prompt = new List<int>(tokenizer.Encode(args.ElementAtOrDefault(1) ?? ""));
    if (tokenizer.Beginning is { } beginning)
        prompt.Insert(0, beginning);
    using var generator = new Generator(1);
    var (ids, lengths) = Sampler.Generate(model, [[.. prompt]], new SamplingOptions { Temperature = 0, MaximumTokens = 200 }, generator);
    Console.WriteLine(tokenizer.Decode([.. ids.data<long>().Take((int)lengths[0].item<long>()).Select(id => (int)id)]));
}

return 0;
