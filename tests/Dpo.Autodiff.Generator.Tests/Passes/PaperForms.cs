using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>A formula as papers write it, in one spelling; and the row of the stability table that must find it.</summary>
/// <param name="Spelling">The formula.</param>
/// <param name="Row">The row's <see cref="RewriteRule.Before"/>.</param>
/// <param name="Build">Makes it of the inputs a and b, one axis long.</param>
/// <param name="IsNegative">Whether it is defined for negative arguments only.</param>
public sealed record PaperForm(string Spelling, string Row, Func<Term, Term, Term> Build, bool IsNegative = false)
{
    private static readonly Parameters.Reduce All = new([0]);

    public static IReadOnlyList<PaperForm> Catalogue { get; } =
    [
        new("exp(a) / (exp(a) + exp(b))", "exp(a) / (exp(a) + exp(b))", (a, b) => Exp(a) / (Exp(a) + Exp(b))),
        new("exp(a) / (exp(b) + exp(a))", "exp(a) / (exp(a) + exp(b))", (a, b) => Exp(a) / (Exp(b) + Exp(a))),
        new("1 / (1 + exp(-a))", "exp(a) / (exp(a) + exp(b))", (a, _) => 1 / (a.Number(1) + Exp(-a))),
        new("reciprocal(exp(a) + 1)", "exp(a) / (exp(a) + exp(b))", (a, _) => (Exp(a) + 1).Of(Primitive.Reciprocal)),
        new("exp(a) / (1 + exp(a))", "exp(a) / (exp(a) + exp(b))", (a, _) => Exp(a) / (a.Number(1) + Exp(a))),
        new("ones / (ones + exp(0 - a))", "exp(a) / (exp(a) + exp(b))", (a, _) => Ones(a) / (Ones(a) + Exp(0 - a))),
        new("log(exp(a) / (exp(a) + exp(b)))", "log(sigmoid(x))", (a, b) => Log(Exp(a) / (Exp(a) + Exp(b)))),

        new("exp(a) / sum(exp(a))", "exp(x) / sum(exp(x))", (a, _) => Exp(a) / Along(Exp(a).Of(Primitive.Sum, All), a)),
        new("log(exp(a))", "log(exp(x))", (a, _) => Log(Exp(a))),
        new("log(sigmoid(a))", "log(sigmoid(x))", (a, _) => Log(a.Of(Primitive.Sigmoid))),
        new("log(1 - sigmoid(a))", "log(1 - sigmoid(x))", (a, _) => Log(1 - a.Of(Primitive.Sigmoid))),
        new("log(-sigmoid(a) + 1)", "log(1 - sigmoid(x))", (a, _) => Log(-a.Of(Primitive.Sigmoid) + 1)),
        new("log1p(-sigmoid(-a))", "log(1 - sigmoid(x))", (a, _) => (-(-a).Of(Primitive.Sigmoid)).Of(Primitive.Log1P)),
        new("log(1 - exp(a))", "log(1 - exp(x))", (a, _) => Log(1 - Exp(a)), IsNegative: true),
        new("log1p(-exp(a))", "log(1 - exp(x))", (a, _) => (-Exp(a)).Of(Primitive.Log1P), IsNegative: true),
        new("log(-expm1(a))", "log(1 - exp(x))", (a, _) => Log(-a.Of(Primitive.ExpM1)), IsNegative: true),
        new("log(1 + exp(a))", "log(1 + exp(x))", (a, _) => Log(a.Number(1) + Exp(a))),
        new("log(exp(-a) + 1)", "log(1 + exp(x))", (a, _) => Log(Exp(-a) + 1)),
        new("log1p(exp(a))", "log(1 + exp(x))", (a, _) => Exp(a).Of(Primitive.Log1P)),
        new("log(exp(a) + exp(b))", "log(exp(a) + exp(b))", (a, b) => Log(Exp(a) + Exp(b))),

        new("log(softmax(a))", "log(softmax(x))", (a, _) => Log(a.Of(Primitive.Softmax, new Parameters.Axis(0)))),
        new("log(exp(a) / sum(exp(a)))", "log(softmax(x))", (a, _) => Log(Exp(a) / Along(Exp(a).Of(Primitive.Sum, All), a))),
        new("log(sum(exp(a)))", "log(sum(exp(x)))", (a, _) => Along(Log(Exp(a).Of(Primitive.Sum, All)), a)),
        new("log(sum(exp(a), keepdim))", "log(sum(exp(x)))", (a, _) => Log(Along(Exp(a).Of(Primitive.Sum, All), a))),
        new("log(mean(exp(a)))", "log(mean(exp(x)))", (a, _) => Along(Log(Exp(a).Of(Primitive.Sum, All) / a.Number(2)), a)),
        new("log(exp(b) / sum(exp(a)))", "log(exp(x) / sum(exp(y)))", (a, b) => Log(Exp(b) / Along(Exp(a).Of(Primitive.Sum, All), a))),
        new("log(cumsum(exp(a)))", "log(cumsum(exp(x)))", (a, _) => Log(Exp(a).Of(Primitive.CumSum, new Parameters.Scan(0, false)))),
    ];

    /// <summary>The objective's program: a result of two elements, and their sum for the gradient.</summary>
    public Program Program()
    {
        var builder = new ProgramBuilder("paper");
        Term Input(string name) => new(builder, Atom.Variable(builder.Input(name, new TensorType(ElementKind.Real, [Extent.Fixed(2)]), true)));
        var value = Build(Input("a"), Input("b"));
        builder.Output("value", value.Variable, OutputRole.Result, ["x"]);
        return builder.Build();
    }

    public override string ToString() => Spelling;

    private static Term Exp(Term x) => x.Of(Primitive.Exp);

    private static Term Log(Term x) => x.Of(Primitive.Log);

    private static Term Ones(Term x) => x with { Atom = Atom.Variable(x.Builder.Fill(Atom.Literal(1), x.Type.Extents)) };

    private static Term Along(Term sum, Term x) => sum.SpreadOver(x.Type, [0]);
}
