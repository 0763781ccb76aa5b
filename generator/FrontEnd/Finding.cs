using Dpo.Autodiff.Generator.Diagnostics;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>A finding of the front end, which alone knows the place in the source.</summary>
internal sealed record Finding(Diagnosis Diagnosis, Location Location);
