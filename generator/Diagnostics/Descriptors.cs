using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.Diagnostics;

/// <summary>
/// Every diagnostic: what it names and what to write instead. Each has its page beside this file, its row in the release ledger and
/// its test. 0001 to 0029 are the front end's, 0030 to 0059 the elaborator's, 0060 and on are information.
/// </summary>
public static class Descriptors
{
    private const string Category = "Dpo.Autodiff";
    private const string Pages = "generator/Diagnostics/";

    // The declaration of an objective.
    private static readonly DiagnosticDescriptor NotStatic = new(
        "DPO0001", "An objective is static", "Objective '{0}' is not static: add `static`, and pass what it needs of the instance as parameters", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0001.md");

    private static readonly DiagnosticDescriptor Generic = new(
        "DPO0002", "An objective is not generic", "Objective '{0}' is generic or declared in a generic type: write it for Tensor, in a type without type parameters", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0002.md");

    private static readonly DiagnosticDescriptor NotPartial = new(
        "DPO0003", "A type with objectives is partial", "Type '{0}' contains objective '{1}' but is not partial: add `partial`", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0003.md");

    private static readonly DiagnosticDescriptor Overloaded = new(
        "DPO0004", "Objectives are not overloaded", "There are several objectives '{0}' in one type: give each its own name, as each gets members of that name", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0004.md");

    private static readonly DiagnosticDescriptor Clash = new(
        "DPO0005", "A generated name is taken", "{0} clashes with the generated {1}: rename one of them", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0005.md");

    private static readonly DiagnosticDescriptor ParameterType = new(
        "DPO0006", "A parameter's type is not supported", "Parameter '{0}' is of type '{1}': use Tensor, Tensor?, double, float, int, long, bool, an enum, or a nullable one of these", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0006.md");

    private static readonly DiagnosticDescriptor NoAxes = new(
        "DPO0007", "A tensor parameter has no axes", "Tensor parameter '{0}' has no axes: write [Axes(\"...\")] with its axis names, outermost first, or [Axes(\"\")] for a scalar tensor", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0007.md");

    private static readonly DiagnosticDescriptor BadAxes = new(
        "DPO0008", "Axes cannot be read", "'{0}' does not name axes: write names, whole numbers or multiples such as `2*pair`, separated by spaces", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0008.md");

    private static readonly DiagnosticDescriptor ResultType = new(
        "DPO0009", "An objective returns tensors", "Objective '{0}' returns '{1}': return Tensor or a flat tuple of tensors", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0009.md");

    private static readonly DiagnosticDescriptor AttributeOnNumber = new(
        "DPO0010", "An attribute for tensors is on another parameter", "[{0}] says nothing about '{1}', which is not a tensor: remove it", Category, DiagnosticSeverity.Warning, true, helpLinkUri: Pages + "DPO0010.md");

    private static readonly DiagnosticDescriptor Place = new(
        "DPO0011", "An objective cannot be declared here", "Objective '{0}' is {1} or in one: declare it as an ordinary static method of a partial class", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0011.md");

    // The body.
    private static readonly DiagnosticDescriptor Statement = new(
        "DPO0012", "A statement is outside the language", "An objective cannot use {0}: {1}", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0012.md");

    private static readonly DiagnosticDescriptor Expression = new(
        "DPO0013", "An expression is outside the language", "An objective cannot use {0} here: {1}", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0013.md");

    private static readonly DiagnosticDescriptor Call = new(
        "DPO0014", "A call cannot be inlined", "An objective cannot call {0}: {1}", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0014.md");

    private static readonly DiagnosticDescriptor TorchOperation = new(
        "DPO0015", "A torch operation is not supported", "The torch operation '{0}' is not supported with these arguments: write it with the operations of the README's table", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0015.md");

    private static readonly DiagnosticDescriptor HostRead = new(
        "DPO0016", "A tensor's values are not known on the host", "An objective cannot read a tensor's values on the host by {0}: keep it a tensor, and choose with torch.where", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0016.md");

    private static readonly DiagnosticDescriptor ArrayIndex = new(
        "DPO0017", "An array is indexed by a value that is not constant", "This element is not known when the objective is compiled: {0}", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0017.md");

    private static readonly DiagnosticDescriptor HostType = new(
        "DPO0018", "A value's type is outside the language", "An objective cannot compute with values of type '{0}': convert to double, float, int, long, bool or an enum before the call", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0018.md");

    private static readonly DiagnosticDescriptor Member = new(
        "DPO0019", "A field or property is read", "An objective cannot read '{0}', which is not a constant: declare it `const`, or pass it as a parameter", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0019.md");

    private static readonly DiagnosticDescriptor NullComparison = new(
        "DPO0020", "A tensor is compared with null by an operator", "`==` compares the elements of '{0}': write `is null` or `is not null`", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0020.md");

    private static readonly DiagnosticDescriptor InPlace = new(
        "DPO0021", "An operation works in place", "'{0}' changes its tensor: write `x = x.{1}(...)`", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0021.md");

    private static readonly DiagnosticDescriptor Argument = new(
        "DPO0022", "An argument is not supported", "The argument '{0}' of '{1}' must keep its default: leave it out", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0022.md");

    private static readonly DiagnosticDescriptor Recursion = new(
        "DPO0023", "A helper calls itself", "'{0}' calls itself, directly or through others: spell the steps out, or use an operation over an axis", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0023.md");

    private static readonly DiagnosticDescriptor NotExported = new(
        "DPO0024", "A method of another assembly is not exported", "'{0}' carries no objective program in assembly '{1}': mark it [ObjectiveFunction] there, or copy it here", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0024.md");

    private static readonly DiagnosticDescriptor UnknownVersion = new(
        "DPO0025", "Another assembly's objective program cannot be read", "Assembly '{0}' carries an objective program of {1}: use the same version of Dpo.Autodiff in both", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0025.md");

    private static readonly DiagnosticDescriptor TooDeep = new(
        "DPO0026", "An objective is nested too deeply", "Objective '{0}' is nested too deeply to be read: split it into helpers or locals", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0026.md");

    // Elaboration.
    private static readonly DiagnosticDescriptor AxesMeet = new(
        "DPO0030", "Different axes meet", "'{0}' meets '{1}' where {2} and {3} come together: axes that meet bear the same name or have size 1; insert one with unsqueeze, or reorder them with permute", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0030.md");

    private static readonly DiagnosticDescriptor NoSuchAxis = new(
        "DPO0031", "An axis or element does not exist", "There is no {0} in {1}: count from 0, or from the end with -1", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0031.md");

    private static readonly DiagnosticDescriptor NotFused = new(
        "DPO0032", "A torch operation cannot be fused", "The torch operation '{0}' cannot be fused here: {1}", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0032.md");

    private static readonly DiagnosticDescriptor NotConstant = new(
        "DPO0033", "An argument is not constant", "{0} of {1} is not known when the objective is compiled: {2}", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0033.md");

    private static readonly DiagnosticDescriptor NotAffine = new(
        "DPO0034", "A size is not made of named axes", "{0} makes a size that is not a multiple or sum of named axes: {1}", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0034.md");

    private static readonly DiagnosticDescriptor HelperAxes = new(
        "DPO0035", "A helper is given other axes than it names", "Parameter '{0}' of '{1}' has the axes {2}, but is given {3}: pass a tensor of these axes, or change the helper's [Axes]", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0035.md");

    private static readonly DiagnosticDescriptor TooManyKernels = new(
        "DPO0036", "An objective has too many kernels", "Objective '{0}' has {1}: split it into several, or compute with its flags as numbers instead of branching on them", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0036.md");

    private static readonly DiagnosticDescriptor ResultIsNoTensor = new(
        "DPO0037", "A result is not a tensor", "Result '{0}' of '{1}' is not always a tensor: return one on every path", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0037.md");

    private static readonly DiagnosticDescriptor WrongKind = new(
        "DPO0038", "An operation does not take these elements", "Torch has no {0}: {1}", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0038.md");

    private static readonly DiagnosticDescriptor NoValue = new(
        "DPO0039", "A value may be missing", "There is no value for {0}: test with `is null` before, or give one with `??`", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0039.md");

    private static readonly DiagnosticDescriptor Fault = new(
        "DPO0059", "The compiler failed", "Objective '{0}' could not be compiled, through a fault of Dpo.Autodiff ({1}): report it with the objective, and call the method itself until then", Category, DiagnosticSeverity.Error, true, helpLinkUri: Pages + "DPO0059.md");

    // Information.
    private static readonly DiagnosticDescriptor Stable = new(
        "DPO0060", "An expression is computed in its stable form", "{0}", Category, DiagnosticSeverity.Info, true, helpLinkUri: Pages + "DPO0060.md");

    /// <summary>All of them, by id.</summary>
    public static IReadOnlyDictionary<string, DiagnosticDescriptor> ById { get; } = new[]
    {
        NotStatic, Generic, NotPartial, Overloaded, Clash, ParameterType, NoAxes, BadAxes, ResultType, AttributeOnNumber, Place,
        Statement, Expression, Call, TorchOperation, HostRead, ArrayIndex, HostType, Member, NullComparison, InPlace, Argument,
        Recursion, NotExported, UnknownVersion, TooDeep, Fault, Stable,
        AxesMeet, NoSuchAxis, NotFused, NotConstant, NotAffine, HelperAxes, TooManyKernels, ResultIsNoTensor, WrongKind, NoValue,
    }.ToDictionary(d => d.Id, StringComparer.Ordinal);
}
