using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>The native libraries that bindings of this assembly name. Each is looked for once, at the first call into it, and never unloaded.</summary>
internal static class NativeLibraries
{
    private static readonly ConcurrentDictionary<string, Lazy<NativeSearch>> Known = new();

    static NativeLibraries() => NativeLibrary.SetDllImportResolver(
        typeof(NativeLibraries).Assembly, (name, _, _) => Known.TryGetValue(name, out Lazy<NativeSearch>? found) ? found.Value.Handle : 0);

    /// <summary>Says how the library of a binding is found; the binding's static constructor does so.</summary>
    internal static Lazy<NativeSearch> Add(string library, Func<NativeSearch> find) => Known.GetOrAdd(library, new Lazy<NativeSearch>(find));
}
