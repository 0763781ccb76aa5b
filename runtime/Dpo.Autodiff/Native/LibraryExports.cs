using System.Runtime.InteropServices;

namespace Dpo.Autodiff.Native;

/// <summary>Looks a library's exports up, and remembers the first that it lacks.</summary>
internal sealed class LibraryExports(nint library)
{
    /// <summary>The first export that was asked for and is missing.</summary>
    internal string? Missing { get; private set; }

    internal nint this[string name]
    {
        get
        {
            if (NativeLibrary.TryGetExport(library, name, out var address))
                return address;
            Missing ??= name;
            return 0;
        }
    }

    /// <summary>An export that not every version has; 0 where this one has not.</summary>
    internal nint Optional(string name) => NativeLibrary.TryGetExport(library, name, out var address) ? address : 0;
}
