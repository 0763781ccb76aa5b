using System.Collections.Immutable;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>What reading a method gives. Not a value: the generator keeps the model and the exports, the analyzer the rest.</summary>
/// <param name="Model">The objective, or null where it has findings, does not compile, or the method is only exported.</param>
/// <param name="Exports">The functions of this assembly that were read, complete with all they reach: they are left as attributes.</param>
/// <param name="Findings">What is outside the language, with places.</param>
/// <param name="Locations">The places of the instructions, by function id.</param>
internal sealed record ReadResult(
    ObjectiveModel? Model,
    EquatableArray<Function> Exports,
    ImmutableArray<Finding> Findings,
    IReadOnlyDictionary<string, ImmutableArray<Location>> Locations);
