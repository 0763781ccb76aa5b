namespace Dpo.Autodiff.Generator.Tests.Language;

/// <summary>What people of the field write: other spellings, views over several axes, unusual orders of axes.</summary>
public sealed class FieldTests
{
    private const string Objectives = """
        [Objective]
        public static (Tensor loss, Tensor margin) ShiftedLabels([Axes("2*pair token vocab")] Tensor logits, [Axes("2*pair token")] Tensor iVocab, [Axes("2*pair token")] Tensor mask, [Axes("2*pair"), NoGrad] Tensor reference, double beta = 0.1)
        {
            var shifted = logits[.., ..^1]; var labels = iVocab[.., 1..]; var keep = mask[.., 1..];
            var logp = (shifted.log_softmax(-1).gather(2, labels.unsqueeze(2)).squeeze(2) * keep.to_type(ScalarType.Float32)).sum(-1);
            var r = (logp - reference).chunk(2, 0);
            return (-logsigmoid(beta * (r[0] - r[1])).mean(), (r[0] - r[1]).detach());
        }

        [Objective]
        public static Tensor VocabularyFirst([Axes("vocab pair token")] Tensor logits, [Axes("pair token")] Tensor iVocab) => -log_softmax(logits, 0).gather(0, iVocab.unsqueeze(0)).squeeze(0).mean();

        [Objective]
        public static Tensor TemperatureByPair([Axes("pair token vocab")] Tensor logits, [Axes("pair")] Tensor posTemperature, [Axes("pair token")] Tensor iVocab) => cross_entropy((logits / posTemperature.view(-1, 1, 1)).view(-1, logits.size(2)), iVocab.view(-1));

        [Objective]
        public static Tensor TwoVocabularies([Axes("pair token vocab")] Tensor student, [Axes("pair token bigvocab")] Tensor teacher, [Axes("pair token")] Tensor mask) { var s = student.sort(-1, true).Values[.., .., ..2].softmax(-1); var t = teacher.topk(2, -1).values.softmax(-1); return where(mask, (t.detach() * (t.detach().log() - s.log())).sum(-1), 0).sum() / mask.sum(); }

        [Objective]
        public static Tensor GroupNormalisedAdvantages([Axes("4*prompt")] Tensor reward, [Axes("4*prompt token")] Tensor logp, [Axes("4*prompt token"), NoGrad] Tensor old, [Axes("4*prompt token")] Tensor mask, double clip = 0.2)
        {
            var g = reward.view(-1, 4);
            var adv = ((g - g.mean([1], true)) / (g.std(1, unbiased: false, keepdim: true) + 1e-4)).reshape(-1).detach();
            var ratio = (logp - old).exp();
            var a = adv.unsqueeze(1);
            var l = -torch.minimum(ratio * a, ratio.clamp(1 - clip, 1 + clip) * a);
            return ((l * mask).sum(1) / mask.sum(1).clamp_min(1)).mean();
        }

        [Objective]
        public static Tensor SegmentSums([Axes("word")] Tensor logp, [Axes("word")] Tensor iSequence, [Axes("sequence"), NoGrad] Tensor reference, [Axes("pairs")] Tensor iSequence2, [Axes("pairs")] Tensor iSequence3) { var s = zeros_like(reference).index_add(0, iSequence, logp, 1) - reference; return softplus(-(s[iSequence2] - s[iSequence3])).mean(); }

        [Objective]
        public static Tensor Contrastive([Axes("pair d")] Tensor q, [Axes("pair d")] Tensor k, double t = 0.07) { var s = normalize(q).matmul(normalize(k).T) / t; return (cross_entropy(s, arange(q.size(0))) + cross_entropy(s.T, arange(k.size(0)))) / 2; }

        [Objective]
        public static Tensor FourAxes([Axes("3 pair token d")] Tensor x, [Axes("3 d d")] Tensor w) => torch.matmul(x, w.unsqueeze(1)).tanh().flatten(0, 1).mean([1, 2]).sum();

        [Objective]
        public static Tensor ListwisePairs([Axes("list item")] Tensor s, [Axes("list item")] Tensor y, [Axes("list item")] Tensor mask) { var m = mask.unsqueeze(2) & mask.unsqueeze(1); var d = s.unsqueeze(2) - s.unsqueeze(1); var g = (y.unsqueeze(2) - y.unsqueeze(1)) > 0; return where(m & g, softplus(-d), 0).sum([1, 2]).mean(); }

        [Objective]
        public static Tensor DivergenceOfProjections([Axes("pair token model")] Tensor hidden, [Axes("vocab model")] Tensor head, [Axes("pair token model"), NoGrad] Tensor refHidden, [Axes("vocab model"), NoGrad] Tensor refHead, [Axes("pair token")] Tensor mask)
        {
            var p = linear(hidden, head).log_softmax(-1); var q = linear(refHidden, refHead).log_softmax(-1);
            var kl = (p.exp() * (p - q)).sum(-1);
            return (kl * mask).sum() / mask.sum();
        }

        [Objective]
        public static Tensor LinearReward([Axes("pair model")] Tensor chosen, [Axes("pair model")] Tensor rejected, [Axes("1 model")] Tensor w, [Axes("1")] Tensor b) => -(linear(chosen, w, b) - linear(rejected, w, b)).sigmoid().log().mean();

        [Objective]
        public static Tensor MaskedEntropy([Axes("pair token vocab")] Tensor logits, [Axes("pair token")] Tensor mask) { var p = logits.softmax(-1); var h = -(p * p.clamp_min(1e-12).log()).sum(-1); return masked_mean(h, mask); }
        static Tensor masked_mean(Tensor x, Tensor m) => (x * m).sum() / m.sum().clamp_min(1);

        [Objective]
        public static Tensor FlattenedTokens([Axes("pair token vocab")] Tensor logits, [Axes("pair token")] Tensor iVocab, [Axes("pair token")] Tensor mask)
        {
            var flat = logits.reshape(-1, logits.shape[^1]); var l = iVocab.reshape(-1); var m = mask.reshape(-1);
            var nll = -flat.log_softmax(1).gather(1, l.unsqueeze(1)).squeeze(1);
            var per = where(m, nll, 0).view(logits.size(0), logits.size(1));
            return (per.sum(1) / mask.sum(1).clamp_min(1)).logsumexp(0);
        }

        [Objective]
        public static Tensor StackedPairs([Axes("pair 2 token vocab")] Tensor logits, [Axes("pair 2 token")] Tensor iVocab) { var lp = logits.log_softmax(-1).gather(-1, iVocab.unsqueeze(-1)).squeeze(-1).mean([-1]); return softplus(lp.select(1, 1) - lp[.., 0]).mean() - lp.flatten().mean(); }

        [Objective]
        public static Tensor JensenShannon([Axes("pair token vocab")] Tensor a, [Axes("pair token vocab")] Tensor b) { var m = torch.logaddexp(a.log_softmax(-1), b.log_softmax(-1)) - Math.Log(2); return 0.5 * (kl_div(m, a.log_softmax(-1), true, nn.Reduction.Sum) + kl_div(m, b.log_softmax(-1), true, nn.Reduction.Sum)) / a.size(0); }

        [Objective]
        public static Tensor BilinearPlayers([Axes("pair")] Tensor x, [Axes("pair")] Tensor iPlayer, [Axes("pair")] Tensor iPlayer2, [Axes("player d")] Tensor e, [Axes("d d")] Tensor w) { var d = (e[iPlayer].matmul(w) * e[iPlayer2]).sum(1); return binary_cross_entropy_with_logits(d, (x > 0).to_type(x.dtype)); }

        [Objective]
        public static Tensor PlackettLuceBySort([Axes("pair item")] Tensor s, [Axes("pair item")] Tensor iItem) { var o = s.gather(1, s.argsort(1, true)); return -(o - o.flip(1).logcumsumexp(1).flip(1)).sum(1).mean() + (s.gather(1, iItem) * 0.1).sum(); }

        [Objective]
        public static Tensor SeveralHeads([Axes("pair token d")] Tensor x, [Axes("4*head d")] Tensor w) { var h = linear(x, w); return h.view(h.size(0), h.size(1), 4, -1).softmax(-1).amax([2]).sum(-1).mean(); }

        [Objective]
        public static Tensor CausalAttention([Axes("pair token d")] Tensor q, [Axes("pair token d")] Tensor k, [Axes("pair token d")] Tensor v) { var a = q.bmm(k.transpose(1, 2)) / Math.Sqrt(q.size(2)); var c = torch.tril(ones_like(a)); return torch.bmm(a.masked_fill(c.eq(0), double.NegativeInfinity).softmax(-1), v).square().sum(-1); }

        [Objective]
        public static Tensor LengthNormalised([Axes("pair token")] Tensor lp, [Axes("pair token")] Tensor mask, double alpha = 0.5, bool normal = true) { var n = mask.sum(1); var s = where(mask, lp, 0).sum(1); return normal ? s / n.to_type(lp.dtype).pow(alpha) : s; }

        [Objective]
        public static Tensor TwoMultiples([Axes("2*pair 3*token")] Tensor x) { var y = x.view(2, -1, 3, x.size(1) / 3); return y.softmax(2).logsumexp(0).sum(1); }

        [Objective]
        public static Tensor IndexPairs([Axes("pair item")] Tensor x, [Axes("item")] Tensor iPair) => x.T[arange(x.size(1)), iPair].softmax(0) + x[iPair, arange(x.size(1))];

        [Objective]
        public static Tensor FourNames([Axes("a b c d")] Tensor x) => x.permute(3, 1, 0, 2).flatten(1, 2).softmax(1).unflatten(1, x.size(1), x.size(0)).amax([0]).sum(-1).sum();

        [Objective]
        public static Tensor SmoothedLabels([Axes("pair token vocab")] Tensor x, [Axes("pair token")] Tensor iVocab) => cross_entropy(x.transpose(1, 2), iVocab, ignore_index: 2, label_smoothing: 0.05) + cross_entropy(x.permute(0, 2, 1), iVocab, reduction: nn.Reduction.Sum);

        [Objective]
        public static Tensor EmbeddedLabels([Axes("pair token d")] Tensor x, [Axes("vocab d")] Tensor e, [Axes("pair token")] Tensor iVocab) => (x * e[iVocab]).sum(-1) - x.matmul(e.T).logsumexp(-1);

        [Objective]
        public static Tensor PositiveAndNegatives([Axes("pair d")] Tensor x, [Axes("pair d")] Tensor y, [Axes("pair neg d")] Tensor z) { var pos = (x * y).sum(-1, true); var neg = z.matmul(x.unsqueeze(-1)).squeeze(-1); return -cat([pos, neg], 1).log_softmax(1)[.., 0].mean(); }

        [Objective]
        public static Tensor Agreement([Axes("pair item")] Tensor x, [Axes("pair item")] Tensor y) => y.gather(1, x.argmax(1, keepdim: true)).mean() + (x.argmax(-1) == y.argmax(-1)).to_type(y.dtype).mean();

        [Objective]
        public static Tensor LastToken([Axes("pair token")] Tensor x, [Axes("pair token")] Tensor mask) { var n = mask.to_type(ScalarType.Int64).cumsum(1); var last = (n == n.amax([1], true)) & mask; return where(last, x, zeros_like(x)).sum(1) + x.gather(1, (mask.sum(1) - 1).clamp(0).unsqueeze(1)).squeeze(1); }

        [Objective]
        public static (Tensor, Tensor, Tensor) Classifier([Axes("pair d")] Tensor x, [Axes("d vocab")] Tensor w, [Axes("pair")] Tensor iVocab) { var l = x.matmul(w); var acc = (l.argmax(1) == iVocab).to_type(l.dtype).mean(); return (cross_entropy(l, iVocab), acc, l.detach().softmax(1).amax([1])); }
        """;

    [Fact]
    public void Objectives_equal_eager() => Assert.Empty(Comparison.Differences(Objectives, 1, 17));
}
