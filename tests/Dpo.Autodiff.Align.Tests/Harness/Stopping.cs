using Align.Reporting;
using Align.Training;

namespace Dpo.Autodiff.Align.Tests.Harness;

/// <summary>Asks to stop after a step, as Ctrl-C does.</summary>
internal sealed class Stopping(CancellationTokenSource stop, int? after) : ITrainingProgress
{
    public void Report(int step, int total, Averages metrics)
    {
        if (step == after)
            stop.Cancel();
    }

    public void Warn(string text)
    {
    }
}
