using System.Security.Cryptography;
using System.Text;

namespace Dpo.Autodiff.Cuda;

/// <summary>Compiled kernels on disk, by the hash of everything that they depend on. What cannot be read or written is compiled again.</summary>
internal sealed class KernelCache(string folder)
{
    /// <summary>Names another folder.</summary>
    internal const string Variable = "DPO_AUTODIFF_CACHE";

    private const int HashBytes = 32;

    private static ReadOnlySpan<byte> Mark => "dpo-autodiff-1\n"u8;

    /// <summary>Where the environment says, else in the user's cache.</summary>
    internal static KernelCache Default => new(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : UserFolder());

    internal static string Key(params IEnumerable<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in parts)
        {
            // Each with its length, so that no two lists of parts run together to the same bytes.
            var bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.LongLength));
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    internal byte[]? Read(string key)
    {
        try
        {
            var content = File.ReadAllBytes(Path.Combine(folder, key));
            if (!content.AsSpan().StartsWith(Mark) || content.Length < Mark.Length + HashBytes)
                return null;
            var image = content.AsSpan(Mark.Length + HashBytes);
            return SHA256.HashData(image).AsSpan().SequenceEqual(content.AsSpan(Mark.Length, HashBytes)) ? image.ToArray() : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    internal void Write(string key, byte[] image)
    {
        // Under another name first: a reader finds the whole file or none.
        var place = Path.Combine(folder, $"{key}.{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(folder);
            using (var file = File.Create(place))
            {
                file.Write(Mark);
                file.Write(SHA256.HashData(image));
                file.Write(image);
            }

            File.Move(place, Path.Combine(folder, key), true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Discard(place);
        }
    }

    private static void Discard(string place)
    {
        try
        {
            File.Delete(place);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It was never made, or stays behind.
        }
    }

    private static string UserFolder()
    {
        var root = OperatingSystem.IsWindows()
            ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
                ? cache
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(root.Length > 0 ? root : Path.GetTempPath(), "dpo-autodiff", "kernels");
    }
}
