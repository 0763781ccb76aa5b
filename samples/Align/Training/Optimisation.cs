using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>AdamW over a module's parameters, with the gradient's norm held below a bound.</summary>
internal sealed class Optimisation : IDisposable
{
    private readonly Parameter[] parameters;
    private readonly Parameter[] working;
    private readonly AdamW optimizer;
    private readonly double maximumNorm;

    /// <summary>Optimises what of a task's parameters is trained.</summary>
    public Optimisation(nn.Module module, nn.Module workingModule, TrainingOptions options)
    {
        parameters = [.. module.parameters().Where(p => p.requires_grad)];
        working = ReferenceEquals(module, workingModule) ? parameters : [.. workingModule.parameters().Where(p => p.requires_grad)];
        optimizer = optim.AdamW(parameters, options.LearningRate, options.Beta1, options.Beta2, 1e-8, options.WeightDecay);
        maximumNorm = options.MaximumGradientNorm > 0 ? options.MaximumGradientNorm : double.PositiveInfinity;
    }

    /// <summary>The learning rate of the next update.</summary>
    public double LearningRate
    {
        get => optimizer.ParamGroups.First().LearningRate;
        set
        {
            foreach (var group in optimizer.ParamGroups)
                group.LearningRate = value;
        }
    }

    /// <summary>Forgets the gradients.</summary>
    public void ZeroGrad()
    {
        foreach (var parameter in working)
            parameter.grad = null;
    }

    /// <summary>Adds the gradients of a part's loss, of which a step's is made up by their shares.</summary>
    public static void Backward(Tensor loss, double share)
    {
        using var scale = tensor(share, dtype: loss.dtype, device: loss.device);
        (loss * scale).backward();
    }

    /// <summary>Changes the parameters by the gradients that backward passes have left, and forgets these.</summary>
    /// <returns>The gradients' norm before it was shortened.</returns>
    /// <exception cref="DivergedException">The norm is not a number. The parameters are as they were.</exception>
    public double Update()
    {
        using var scope = NewDisposeScope();
        if (!ReferenceEquals(working, parameters))
        {
            for (var i = 0; i < parameters.Length; i++)
                parameters[i].grad = working[i].grad?.to(parameters[i].dtype);
        }

        var norm = nn.utils.clip_grad_norm_(parameters.Where(p => p.grad is not null), maximumNorm);
        if (!double.IsFinite(norm))
            throw new DivergedException($"The gradient's norm is {norm}.");
        optimizer.step();
        foreach (var parameter in parameters)
            parameter.grad = null;
        ZeroGrad();
        if (!ReferenceEquals(working, parameters))
            Refresh();
        return norm;
    }

    /// <summary>Gives the working copy the parameters' values, where there is one.</summary>
    public void Refresh()
    {
        if (ReferenceEquals(working, parameters))
            return;
        using var none = no_grad();
        for (var i = 0; i < parameters.Length; i++)
            working[i].copy_(parameters[i]);
    }

    /// <summary>Writes the optimiser's state.</summary>
    public void Save(string path)
    {
        using var stream = File.Create(path);
        using var writer = new BinaryWriter(stream);
        optimizer.save_state_dict(writer);
    }

    /// <summary>Reads it back.</summary>
    public void Load(string path)
    {
        using var stream = File.OpenRead(path);
        using var reader = new BinaryReader(stream);
        optimizer.load_state_dict(reader);
    }

    /// <inheritdoc/>
    public void Dispose() => optimizer.Dispose();
}
