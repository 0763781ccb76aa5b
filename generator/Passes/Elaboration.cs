using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>What elaboration gives: the decision tree over hyper-parameters and its distinct leaves, or findings.</summary>
/// <param name="Decisions">The tree; null where there are findings.</param>
/// <param name="Programs">The leaves that <see cref="Decision.Leaf"/> numbers: leaves that come out equal are one.</param>
/// <param name="Diagnoses">What is wrong, in the order of the source; empty where there is a tree.</param>
public sealed record Elaboration(Decision? Decisions, EquatableArray<Program> Programs, EquatableArray<Diagnosis> Diagnoses);
