using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Passes;

namespace Dpo.Autodiff.Generator.Tests.Schedule;

/// <summary>Rows that a mask discards are not read, forward or backward; what is in them does not matter.</summary>
public class MaskedRowTests
{
    private const long Pairs = 2;
    private const long Tokens = 5;
    private const long Vocabulary = 7;

    private static readonly Dictionary<string, long> Extents = new() { ["pair"] = Pairs, ["token"] = Tokens, ["vocab"] = Vocabulary };

    /// <summary>How the mask comes to the rows: as it is, negated, with labels that say as much, one token later, in two.</summary>
    public enum Form
    {
        Mask,
        Negated,
        Labels,
        Shifted,
        Both,
    }

    [Theory]
    [InlineData(Form.Mask)]
    [InlineData(Form.Negated)]
    [InlineData(Form.Labels)]
    [InlineData(Form.Shifted)]
    [InlineData(Form.Both)]
    public void What_is_read_is_what_counts(Form form)
    {
        var forward = Scheduled.Clean(TokenLogProbability(form));
        var (keeping, remaining) = Residuals.Split(Scheduled.Clean(Lower.Run(Scheduled.Clean(Differentiate.Whole(forward)))));
        var (value, valueAndResiduals, backward) = (Scheduled.Of(forward), Scheduler.Run(keeping, "forward"), Scheduler.Run(remaining, "backward"));
        Assert.Equal(1UL, Donation.Of(backward));
        foreach (var places in new[] { 0b1111111111, 0b0110011100, 0b0000000000 })
        {
            var (inputs, counts) = Inputs(form, places);
            var rows = counts.Count(c => c);

            // A load with a predicate counts whether or not it holds: that of the label's logit.
            var reads = (rows * 2 * Vocabulary) + (Pairs * (form == Form.Shifted ? Tokens - 1 : Tokens));
            Assert.Equal(reads, Run(value, inputs).Loads[0]);
            var kept = Run(valueAndResiduals, inputs);
            Assert.Equal(reads, kept.Loads[0]);
            Assert.Equal(kept.Outputs, Run(valueAndResiduals, Poisoned(inputs, counts, form)).Outputs);

            for (var o = 0; o < keeping.Outputs.Count; o++)
                inputs[keeping.Outputs[o].Name] = kept.Outputs[o];
            inputs["d_r0"] = [1];
            var clean = Run(backward, inputs);
            Assert.Equal(rows * Vocabulary, clean.Loads[0]);
            Assert.Equal(Pairs * Tokens * Vocabulary, clean.Stores[backward.Buffers.First(b => b.Role == BufferRole.Gradient).Id]);
            Assert.Equal(rows, clean.Outputs[0].Chunk((int)Vocabulary).Count(row => row.Any(x => x != 0)));
            foreach (var donated in new[] { 0UL, 1UL })
                Assert.Equal(clean.Outputs, Run(backward, Poisoned(inputs, counts, form), donated).Outputs);
        }
    }

    [Fact]
    public void What_all_rows_have_a_part_in_is_read_everywhere()
    {
        // The same statistic without the mask.
        var loops = Scheduled.Of(TokenLogProbability(Form.Mask, withEntropy: true));
        Assert.Equal(Pairs * Tokens * ((3 * Vocabulary) + 1), Run(loops, Inputs(Form.Mask, 0).Inputs).Loads[0]);
    }

    private static Program TokenLogProbability(Form form, bool withEntropy = false)
    {
        var s = new Sample();
        var (pair, token, vocab) = (Sample.Pair, Sample.Token, Sample.Vocab);
        var (logits, labels, mask) = (s.Input("logits", pair, token, vocab), s.Index("labels", pair, token), s.Mask("mask", pair, token));
        var count = token;
        if (form == Form.Shifted)
        {
            count = token - Extent.One;
            Term Slice(Term x, int start) => x with { Atom = Atom.Variable(s.Builder.Slice(x.Variable, 1, Extent.Fixed(start), count, 1)) };
            (logits, labels, mask) = (Slice(logits, 0), Slice(labels, 1), Slice(mask, 1));
        }

        var all = logits.Of(Primitive.LogSoftmax, new Parameters.Axis(2));
        var index = s.Spread(labels, [pair, count, Extent.One], 0, 1, -1);
        var picked = s.Builder.Gather(all.Variable, index.Variable, 2, [0, 1, -1]);
        var logProbability = new Term(s.Builder, Atom.Variable(s.Builder.Rearrange(picked, [0, 1], [pair, count])));
        Term Emit(Primitive primitive, params Atom[] operands) => new(s.Builder, Atom.Variable(s.Builder.Emit(primitive, operands)));
        var isLabel = Emit(Primitive.NotEqual, labels.Atom, Atom.Literal(-100));
        var zero = logits.Number(0);
        var counted = form switch
        {
            Form.Negated => Emit(Primitive.Not, mask.Atom).Select(zero, logProbability),
            Form.Labels => isLabel.Select(logProbability, zero),
            Form.Both => mask.Select(isLabel.Select(logProbability, zero), zero),
            _ => mask.Select(logProbability, zero),
        };
        var sum = counted.Of(Primitive.Sum, new Parameters.Reduce([0, 1]));
        if (!withEntropy)
            return s.Result(sum);
        var probability = all.Of(Primitive.Exp);
        return s.Result(sum, (probability * all).Of(Primitive.Sum, new Parameters.Reduce([2])));
    }

    /// <summary>Inputs of which some tokens count, and which rows of logits do then.</summary>
    private static (Dictionary<string, double[]> Inputs, bool[] Counts) Inputs(Form form, int places)
    {
        var random = new Random(1);
        var counted = Enumerable.Range(0, (int)(Pairs * Tokens)).Select(i => (places >> i & 1) != 0).ToArray();
        bool IsLabel(int i) => form switch { Form.Labels => counted[i], Form.Both => i % 2 == 1, _ => true };
        var inputs = new Dictionary<string, double[]>
        {
            ["logits"] = Enumerable.Range(0, (int)(Pairs * Tokens * Vocabulary)).Select(_ => Sample.Normal(random)).ToArray(),
            ["labels"] = counted.Select((_, i) => IsLabel(i) ? random.Next((int)Vocabulary) : -100.0).ToArray(),
            ["mask"] = counted.Select(c => c ? 1.0 : 0).ToArray(),
        };
        return (inputs, counted.Select((_, i) => form == Form.Shifted ? i % Tokens < Tokens - 1 && counted[i + 1] : counted[i] && IsLabel(i)).ToArray());
    }

    /// <summary>NaN in all rows that do not count, and labels there that are no place of the vocabulary.</summary>
    private static Dictionary<string, double[]> Poisoned(Dictionary<string, double[]> inputs, bool[] counts, Form form)
    {
        var poisoned = inputs.ToDictionary(i => i.Key, i => (double[])i.Value.Clone());
        for (var i = 0; i < counts.Length; i++)
        {
            if (counts[i])
                continue;
            poisoned["logits"].AsSpan((int)(i * Vocabulary), (int)Vocabulary).Fill(double.NaN);
            if (form is Form.Mask or Form.Negated)
                poisoned["labels"][i] = 99;
        }

        return poisoned;
    }

    private static LoopRun Run(LoopProgram loops, Dictionary<string, double[]> inputs, ulong donated = 0)
    {
        LoopVerifier.Verify(loops);
        var scalars = HostEvaluator.Run(loops.Source.Host, Sample.Parameters, Extents);
        return LoopInterpreter.Run(loops, [.. loops.Source.Inputs.Select(i => inputs[i.Name])], scalars, Extents, donated: donated);
    }
}
