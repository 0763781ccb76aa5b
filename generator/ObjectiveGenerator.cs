using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator;

[Generator(LanguageNames.CSharp)]
public sealed class ObjectiveGenerator : IIncrementalGenerator
{
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
    }
}
