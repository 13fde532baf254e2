using CoDetr.Data;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>An update whose launches were recorded for batches of one shape: the host sends a batch, starts everything with one call, and reads the report.</summary>
internal sealed class RecordedStep : IDisposable
{
    private readonly BatchLayout layout;
    private readonly Tensor input;
    private readonly Recording recording;
    private Tensor? report;

    /// <summary>Records an update; nothing runs.</summary>
    /// <param name="batch">Any of the shape.</param>
    /// <param name="update">From a batch on the device to the losses' names and the report.</param>
    internal RecordedStep(Batch batch, Func<DeviceBatch, (IReadOnlyList<string> Names, Tensor Report)> update)
    {
        using StepScope persistent = StepScope.Persistent();
        layout = BatchLayout.Of(batch);
        input = Tensor.Empty([layout.Length]);
        try
        {
            recording = input.Device.Record(() =>
            {
                using StepScope scope = StepScope.Begin();
                (Names, report) = update(layout.View(input, batch));
                scope.Keep(report);
            });
        }
        catch
        {
            input.Dispose();
            report?.Dispose();
            throw;
        }
    }

    /// <summary>The losses' names.</summary>
    internal IReadOnlyList<string> Names { get; private set; } = [];

    /// <summary>Makes an update with a batch of the shape.</summary>
    /// <returns>The report.</returns>
    internal float[] Run(Batch batch, long seed, float share, UpdateNumbers numbers)
    {
        input.Set(layout.Fill(batch, seed, share, numbers));
        recording.Launch();
        return report!.ToArray();
    }

    /// <summary>Frees the recording and its tensors.</summary>
    public void Dispose()
    {
        recording.Dispose();
        input.Dispose();
        report?.Dispose();
    }
}

/// <summary>
/// Which shape of batches is worth a recording. A recording keeps the memory of a step to itself, so there is one: of the shape that comes again, until
/// another comes much more often. A shape is launched plainly before it is recorded, so that every kernel is there.
/// </summary>
internal sealed class StepRecorder : IDisposable
{
    private const int MostShapes = 256; // pictures of any size hardly ever make the same shape again
    private readonly Dictionary<string, int> seen = [];
    private (string Shape, RecordedStep Step)? recorded;
    private bool isOff;

    internal bool HasRecording => recorded is not null;

    /// <summary>The recording for a batch; null if it must be launched plainly.</summary>
    internal RecordedStep? For(Batch batch, Func<DeviceBatch, (IReadOnlyList<string> Names, Tensor Report)> update)
    {
        if (isOff || !Device.Default.Records)
        {
            return null;
        }

        // What is launched depends on the layout, and on the pictures' sizes: without padding less is done.
        string shape = $"{BatchLayout.Of(batch)} {string.Join(' ', batch.Heights.Zip(batch.Widths))}";
        if (seen.Count >= MostShapes && !seen.ContainsKey(shape))
        {
            seen.Clear();
        }

        int times = seen[shape] = seen.GetValueOrDefault(shape) + 1;
        if (recorded?.Shape != shape && times > 1 && (recorded is null || times > 2 * seen.GetValueOrDefault(recorded.Value.Shape)))
        {
            Record(shape, batch, update);
        }

        return recorded?.Shape == shape ? recorded.Value.Step : null;
    }

    /// <summary>Frees the recording.</summary>
    public void Dispose()
    {
        recorded?.Step.Dispose();
        recorded = null;
    }

    private void Record(string shape, Batch batch, Func<DeviceBatch, (IReadOnlyList<string> Names, Tensor Report)> update)
    {
        Dispose();
        try
        {
            recorded = (shape, new RecordedStep(batch, update));
        }
        catch (DeviceMemoryException)
        {
            isOff = true; // a step fits, a second one beside it does not
        }
    }
}
