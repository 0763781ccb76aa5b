using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Tests.FrontEnd;
using Dpo.Autodiff.Generator.Tests.Harness;

namespace Dpo.Autodiff.Generator.Tests.Passes;

public sealed class ElaborateTests
{
    [Fact]
    public void The_objective_of_the_design()
    {
        var program = Single(FunctionTests.Dpo, "Dpo");
        Assert.Equal(
            """
            program Dpo
              %0: real[pair] = input chosen
              %1: real[pair] = input rejected
              %2: real[pair] = input referenceChosen nograd
              %3: real[pair] = input referenceRejected nograd
              $0: double = beta
              $1: int64 = |pair|
              %4: real[pair] = subtract %0 %2
              %5: real[pair] = multiply $0 %4
              %6: real[pair] = subtract %1 %3
              %7: real[pair] = multiply $0 %6
              %8: real[pair] = subtract %5 %7
              %9: real[pair] = log_sigmoid %8
              %10: real[] = sum{0} %9
              %11: real[] = divide %10 $1
              %12: real[] = negate %11
              %13: real[pair] = stop_gradient %5
              %14: real[pair] = stop_gradient %7
              result loss = %12 differentiable
              result chosenReward = %13
              result rejectedReward = %14

            """.ReplaceLineEndings("\n"),
            ProgramPrinter.Print(program));
    }

    [Fact]
    public void Labels_are_whole_numbers_where_they_index_and_are_compared() => Equal(
        """
        program F
          %0: real[seq token vocab] = input logits
          %1: int[seq token] = input labels nograd
          %2: bool[seq token] = not_equal %1 -100
          %3: int[seq token] = where %2 %1 0
          %4: real[seq token vocab] = log_softmax{2} %0
          %5: int[seq token 1] = rearrange{0 1 new} %3
          %6: real[seq token 1] = gather{2 with 0 1 index} %4 %5
          %7: real[seq token] = rearrange{0 1} %6
          %8: real[seq token] = convert %2
          %9: real[seq token] = multiply %7 %8
          %10: real[] = sum{0 1} %9
          %11: real[] = negate %10
          %12: int[seq token] = convert %2
          %13: int[] = sum{0 1} %12
          %14: real[] = convert %13
          %15: real[] = divide %11 %14
          result Value = %15 differentiable
        """,
        """
        [Objective] public static Tensor F([Axes("seq token vocab")] Tensor logits, [Axes("seq token"), NoGrad] Tensor labels)
        {
            var mask = labels != -100;
            var safe = where(mask, labels, 0);
            var logp = log_softmax(logits, -1).gather(-1, safe.unsqueeze(-1)).squeeze(-1);
            return -(logp * mask).sum() / mask.sum();
        }
        """);

    [Fact]
    public void Slices_and_chunks_keep_affine_extents() => Equal(
        """
        program F
          %0: real[2*pair token vocab] = input logits
          %1: int[2*pair token] = input ids nograd
          $0: int64 = |pair|
          %2: real[2*pair token-1 vocab] = slice{1 from 0 step 1} %0
          %3: real[2*pair token-1 vocab] = log_softmax{2} %2
          %4: int[2*pair token-1] = slice{1 from 1 step 1} %1
          %5: int[2*pair token-1 1] = rearrange{0 1 new} %4
          %6: real[2*pair token-1 1] = gather{2 with 0 1 index} %3 %5
          %7: real[2*pair token-1] = rearrange{0 1} %6
          %8: real[2*pair] = sum{1} %7
          %9: real[pair] = slice{0 from 0 step 1} %8
          %10: real[pair] = slice{0 from pair step 1} %8
          %11: real[pair] = subtract %9 %10
          %12: real[pair] = log_sigmoid %11
          %13: real[] = sum{0} %12
          %14: real[] = divide %13 $0
          %15: real[] = negate %14
          result Value = %15 differentiable
        """,
        """
        [Objective] public static Tensor F([Axes("2*pair token vocab")] Tensor logits, [Axes("2*pair token"), NoGrad] Tensor ids)
        {
            var logp = logits[.., ..^1].log_softmax(-1).gather(-1, ids[.., 1..].unsqueeze(-1)).squeeze(-1).sum(1);
            var parts = logp.chunk(2, 0);
            return -logsigmoid(parts[0] - parts[1]).mean();
        }
        """);

    [Fact]
    public void Two_axes_of_one_name_are_told_apart_by_position() => Equal(
        """
        program F
          %0: real[item] = input s
          %1: real[item 1] = rearrange{0 new} %0
          %2: real[item item] = rearrange{0 1} %1
          %3: real[1 item] = rearrange{new 0} %0
          %4: real[item item] = rearrange{0 1} %3
          %5: real[item item] = subtract %2 %4
          %6: real[item item] = log_sigmoid %5
          %7: real[item] = sum{1} %6
          %8: real[] = sum{0} %7
          result Value = %8 differentiable
        """,
        """[Objective] public static Tensor F([Axes("item")] Tensor s) => logsigmoid(s.unsqueeze(-1) - s.unsqueeze(-2)).sum(-1).sum();""");

    [Fact]
    public void An_optional_tensor_and_an_enum_select_kernels()
    {
        var result = Elaborate.Run(Reading.Model("""
            [Objective] public static Tensor F([Axes("player")] Tensor s, [Axes("game"), NoGrad] Tensor w, [Axes("game"), NoGrad] Tensor l, [Axes("game")] Tensor? margin = null, Kind kind = Kind.Plain)
            {
                var d = s[w] - s[l];
                if (margin is not null)
                    d = d - margin;
                var loss = kind switch { Kind.Plain => -logsigmoid(d), Kind.Hinge => relu(1 - d), _ => throw new System.ArgumentOutOfRangeException("kind") };
                return kind == Kind.Plain ? loss.mean() : loss.sum();
            }
            """));

        Assert.Empty(result.Diagnoses);
        Assert.Equal(4, result.Programs.Count);
        Assert.Equal(
            """
            present(margin)
              kind == global::Kind.Plain
                leaf 0
                kind == global::Kind.Hinge
                  leaf 1
                  throw global::System.ArgumentOutOfRangeException
              kind == global::Kind.Plain
                leaf 2
                kind == global::Kind.Hinge
                  leaf 3
                  throw global::System.ArgumentOutOfRangeException

            """.ReplaceLineEndings("\n"),
            Print(result.Decisions!, ""));
        Assert.DoesNotContain(result.Programs[2].Inputs, i => i.Name == "margin");
        Assert.Equal(
            """
            program F
              %0: real[player] = input s
              %1: int[game] = input w nograd
              %2: int[game] = input l nograd
              %3: real[game] = input margin
              %4: real[game] = gather{0 with index} %0 %1
              %5: real[game] = gather{0 with index} %0 %2
              %6: real[game] = subtract %4 %5
              %7: real[game] = subtract %6 %3
              %8: real[game] = subtract 1 %7
              %9: real[game] = relu %8
              %10: real[] = sum{0} %9
              result Value = %10 differentiable

            """.ReplaceLineEndings("\n"),
            ProgramPrinter.Print(result.Programs[1]));
    }

    [Fact]
    public void What_the_extents_do_not_show_is_checked_at_the_call()
    {
        var result = Elaborate.Run(Reading.Model("""[Objective] public static Tensor F([Axes("token")] Tensor x) => x[3];"""));
        Assert.Equal(
            """
            |token| >= 4L
              leaf 0
              throw global::System.ArgumentException

            """.ReplaceLineEndings("\n"),
            Print(result.Decisions!, ""));
    }

    [Fact]
    public void Branches_that_come_out_equal_are_one_kernel()
    {
        var result = Elaborate.Run(Reading.Model("""[Objective] public static Tensor F([Axes("pair")] Tensor x, bool flag = false) { if (flag) return x.mean(); return x.mean(); }"""));
        Assert.Equal("leaf 0\n", Print(result.Decisions!, ""));
        Assert.Single(result.Programs);
    }

    [Fact]
    public void A_parameter_without_influence_has_a_gradient_of_zero()
    {
        var program = Single("""[Objective] public static Tensor F([Axes("pair")] Tensor x, [Axes("pair")] Tensor y, [Axes("pair"), NoGrad] Tensor z) => x.sum();""");
        Assert.Equal(["x", "y"], program.Inputs.Select(i => i.Name));
    }

    [Fact]
    public void A_helpers_NoGrad_detaches_and_its_axes_are_its_own()
    {
        var program = Single("""
            [Objective] public static Tensor F([Axes("pair token")] Tensor x) => Helper(x, x).sum();
            private static Tensor Helper([Axes("a b")] Tensor p, [Axes("a b"), NoGrad] Tensor q) => p * q;
            """);
        Assert.Contains("%2: real[pair token] = multiply %0 %1", ProgramPrinter.Print(program), StringComparison.Ordinal);
        Assert.Contains("%1: real[pair token] = stop_gradient %0", ProgramPrinter.Print(program), StringComparison.Ordinal);
    }

    [Fact]
    public void A_callees_number_that_is_null_gives_way()
    {
        var program = Single("""
            [Objective] public static Tensor F([Axes("pair")] Tensor x) => Helper(x, 0.5).sum();
            private static Tensor Helper(Tensor x, double low, double? high = null) => (high ?? low) * x;
            """);
        Assert.Contains("multiply 0.5 %0", ProgramPrinter.Print(program), StringComparison.Ordinal);
    }

    [Fact]
    public void A_number_that_met_a_tensor_has_no_say_in_its_sums_dtype()
    {
        var program = Single("""[Objective] public static Tensor F([Axes("pair")] Tensor x, [Axes("pair")] Tensor m) => where(m, x, 0.0).sum() / 2 + x.sum();""");
        Assert.All(program.Outputs[0].DType, term => Assert.Equal("x", term.Source));
    }

    private static Program Single(string members, string name = "F")
    {
        var result = Elaborate.Run(Reading.Model(members, name));
        Assert.Empty(result.Diagnoses);
        return Assert.Single(result.Programs);
    }

    private static void Equal(string expected, string members) =>
        Assert.Equal(expected.ReplaceLineEndings("\n"), ProgramPrinter.Print(Single(members)).TrimEnd('\n'));

    private static string Print(Decision decision, string indent) => indent + decision switch
    {
        Decision.Leaf leaf => $"leaf {leaf.Variant}\n",
        Decision.Throw thrown => $"throw {thrown.Exception}\n",
        Decision.Branch branch => Print(branch.Host, branch.Condition) + "\n" + Print(branch.WhenTrue, indent + "  ") + Print(branch.WhenFalse, indent + "  "),
        _ => throw new InvalidOperationException(),
    };

    private static string Print(EquatableArray<HostEquation> host, int id) => host[id] switch
    {
        { Operation: HostOperation.Binary } binary => $"{Print(host, binary.Operands[0])} {binary.Text} {Print(host, binary.Operands[1])}",
        { Operation: HostOperation.IsPresent } present => $"present({present.Text})",
        { Operation: HostOperation.Size } size => $"|{size.Extent}|",
        var other => other.Text,
    };
}
