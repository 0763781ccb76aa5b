using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>An open safetensors file: its header is checked, and tensors are read when they are asked for.</summary>
internal sealed class SafeTensorsFile : IDisposable
{
    private readonly MappedFile file;
    private readonly SafeTensorsHeader header;

    private SafeTensorsFile(MappedFile file, SafeTensorsHeader header) => (this.file, this.header) = (file, header);

    /// <summary>The file's path.</summary>
    public string Path => file.Path;

    /// <summary>What the header says of each tensor.</summary>
    public IReadOnlyDictionary<string, SafeTensorsEntry> Tensors => header.Tensors;

    /// <summary>The file's texts.</summary>
    public IReadOnlyDictionary<string, string> Metadata => header.Metadata;

    /// <summary>Opens a file.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or is not as its header says.</exception>
    public static SafeTensorsFile Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            return new SafeTensorsFile(file, SafeTensorsHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads a tensor, on the CPU.</summary>
    /// <exception cref="CheckpointException">There is no such tensor, or TorchSharp lacks its dtype.</exception>
    public Tensor Read(string name)
    {
        if (!Tensors.TryGetValue(name, out var entry))
            throw new CheckpointException($"{Path}: there is no tensor {name}.");
        if (SafeTensorsDType.TypeOf(entry.DType) is not { } dtype)
            throw new CheckpointException($"{Path}: {name} is {entry.DType}, which TorchSharp does not have.");
        var values = empty(entry.Shape, dtype);
        if (entry.End > entry.Begin)
            file.CopyTo(values, header.Start + entry.Begin);
        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();
}
