using Align.Data;
using Dpo.Autodiff.Align.Tests.Harness;
using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Training;

/// <summary>The README's loop, with a module, an optimiser and data that are nobody's but the user's.</summary>
public sealed class LoopTests
{
    [Fact]
    public void A_users_own_module_fits_the_loop()
    {
        using var policy = Network();
        using var reference = Network();
        reference.load_state_dict(policy.state_dict());
        using var pairs = PairBatch.Of(Tiny.Pairs(8, 3));
        var batches = Enumerable.Repeat((pairs.Tokens, pairs.IsCompletion), 40);
        var losses = new List<double>();

        var optimizer = optim.AdamW(policy.parameters(), 1e-2);
        foreach (var (tokens, isCompletion) in batches)
        {
            using var scope = NewDisposeScope();
            var labels = Tokens.Shift(tokens);
            Tensor frozen;
            using (no_grad())
                frozen = Tokens.Fused.Score(reference.forward(tokens), labels, isCompletion);
            var step = PreferenceFromLogits.Fused.Dpo(policy.forward(tokens), labels, isCompletion, frozen, beta: 0.1);
            optimizer.zero_grad();
            step.loss.backward();
            optimizer.step();
            losses.Add(step.loss.item<float>());
        }

        Assert.Equal(Math.Log(2), losses[0], 1e-6);
        Assert.True(losses[^1] < 0.3);

        static TorchSharp.Modules.Sequential Network() =>
            nn.Sequential(nn.Embedding(Tiny.Vocabulary, 16), nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, Tiny.Vocabulary));
    }
}
