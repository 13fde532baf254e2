namespace CoDetr.Data;

/// <summary>How batches are made.</summary>
public sealed record LoaderOptions
{
    /// <summary>Images a batch.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>Threads that decode and transform.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>Batches that may wait ready, in addition to those being made.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>
    /// Whether batches hold the objects' masks, from a file that was read with them. An object whose segmentation is missing, empty, damaged or of another size
    /// than the image has its box as its mask.
    /// </summary>
    public bool Masks { get; init; }

    /// <summary>What happens to each image.</summary>
    public Pipeline Pipeline { get; init; } = Pipeline.Plain;

    /// <summary>Order and augmentation follow from it, together with the epoch.</summary>
    public ulong Seed { get; init; }

    /// <summary>
    /// Training: shuffled, an incomplete last batch dropped, only usable objects, broken images replaced.
    /// Otherwise: every image once, in file order, and a broken image is an error.
    /// </summary>
    public bool Training { get; init; }

    /// <summary>Images whose shorter edge is below this many pixels are not trained with.</summary>
    public int SmallestSide { get; init; } = 32;

    /// <summary>How many different images may be broken in training before it ends with an error.</summary>
    public int BrokenLimit { get; init; } = 100;
}

/// <summary>
/// Makes batches of a data set on worker threads, some ahead, in a fixed order. What a batch holds is a pure function of
/// (seed, epoch, step): the number of workers does not matter, and to resume takes no more than epoch and step.
/// </summary>
public sealed class Loader
{
    private const int MaxAttempts = 100;

    private readonly CocoFile _file;
    private readonly string _imageFolder;
    private readonly LoaderOptions _options;
    private readonly int[] _images;
    private readonly BufferPool _pool;
    private readonly WarningCounter _warnings = new();
    private readonly Dictionary<int, string> _broken = [];
    private readonly HashSet<(DataWarningKind Kind, long Id)> _noticed = [];

    /// <summary>Checks that the settings fit the data set.</summary>
    /// <exception cref="DataException">what does not fit, and what to do</exception>
    public Loader(CocoFile file, string imageFolder, LoaderOptions options)
    {
        if (options.Workers < 1)
            throw new DataException($"{options.Workers} workers cannot load images; use 1 or more.");
        if (options.BatchSize < 1)
            throw new DataException($"a batch of {options.BatchSize} images cannot be made; use 1 or more.");
        if (options.Masks && !file.HasMasks)
            throw new ArgumentException($"{file.Path} was read without the masks that are asked for.", nameof(options));
        if (options.Training && file.UsableCount == 0)
            throw new DataException($"{file.Path}: there is no usable object to train with among {file.AnnotationCount} annotations{FirstWarning(file)}.");
        (_file, _imageFolder, _options) = (file, imageFolder, options);
        _images = [.. Enumerable.Range(0, file.Images.Count).Where(i => !options.Training || IsLargeEnough(file.Images[i]))];
        if (options.Training && options.BatchSize > _images.Length)
            throw new DataException(
                $"{file.Path}: a batch of {options.BatchSize} is larger than the data set of {_images.Length} images; use a batch of at most {_images.Length}.");
        _pool = new BufferPool(options.Workers + options.Prefetch + 1);
    }

    /// <summary>Images that take part.</summary>
    public int ImageCount => _images.Length;

    /// <summary>Batches an epoch.</summary>
    public int StepsPerEpoch => _options.Training ? _images.Length / _options.BatchSize : (_images.Length + _options.BatchSize - 1) / _options.BatchSize;

    /// <summary>What was odd about the images loaded so far.</summary>
    public IReadOnlyList<DataWarning> Warnings => _warnings.ToList();

    /// <summary>Images that could not be read so far: one line each, with the file's name.</summary>
    public IReadOnlyList<string> BrokenImages
    {
        get
        {
            lock (_broken)
                return [.. _broken.OrderBy(b => b.Key).Select(b => b.Value)];
        }
    }

    /// <summary>The batches of an epoch in order, made ahead by the workers. Dispose each batch when its step is done.</summary>
    /// <param name="epoch">from 0</param>
    /// <param name="firstStep">where to go on</param>
    /// <exception cref="DataException">an image cannot be read (in training: too many cannot)</exception>
    public IEnumerable<Batch> Epoch(int epoch, int firstStep = 0)
    {
        int[] order = Order(epoch);
        using var prefetcher = new Prefetcher<Batch>(_options.Workers, _options.Workers + _options.Prefetch, firstStep, StepsPerEpoch, () =>
        {
            var worker = new Worker(_options.BatchSize);
            return step => Make(worker, order, epoch, step);
        });
        while (prefetcher.TryTake(out Batch? batch))
            yield return batch;
    }

    /// <summary>One batch alone, made on the calling thread: the same as in <see cref="Epoch"/>.</summary>
    public Batch Load(int epoch, int step) => Make(new Worker(_options.BatchSize), Order(epoch), epoch, step);

    private int[] Order(int epoch)
    {
        int[] order = [.. _images];
        if (_options.Training)
            new RandomDraws(_options.Seed, "order", epoch).Shuffle(order);
        return order;
    }

    private Batch Make(Worker worker, int[] order, int epoch, int step)
    {
        int first = step * _options.BatchSize, count = Math.Min(_options.BatchSize, order.Length - first);
        for (int i = 0; i < count; i++)
            worker.Indices[i] = Fill(worker.Samples[i], order[first + i], epoch, first + i);
        Batch batch = Batch.Assemble(worker.Samples.AsSpan(0, count), worker.Indices.AsSpan(0, count), _options.Pipeline, _pool, _options.Masks);
        (batch.Epoch, batch.Step) = (epoch, step);
        return batch;
    }

    /// <summary>Loads an image, or in training another one in its place; returns which.</summary>
    private int Fill(Sample sample, int index, int epoch, int slot)
    {
        RandomDraws? others = null;
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (TryRead(sample, index) && _options.Pipeline.Apply(sample, new RandomDraws(_options.Seed, "augment", epoch, (long)slot * MaxAttempts + attempt)))
                return index;
            others ??= new RandomDraws(_options.Seed, "replace", epoch, slot);
            index = _images[others.Between(0, _images.Length - 1)];
        }
        throw new DataException($"{_file.Path}: {MaxAttempts} images in a row were broken or had nothing left to train with after augmentation.");
    }

    private bool TryRead(Sample sample, int index)
    {
        CocoImage image = _file.Images[index];
        string path = Path.Combine(_imageFolder, image.FileName);
        try
        {
            ImageReader.Read(path, sample.Image);
        }
        catch (DataException e) when (_options.Training)
        {
            RememberBroken(index, e);
            return false;
        }
        sample.Begin(_options.Masks);
        if (image.Width > 0 && (image.Width, image.Height) != (sample.Width, sample.Height))
            WarnOnce(DataWarningKind.SizeDiffers, index, $"{path}: {sample.Width} x {sample.Height}, annotated as {image.Width} x {image.Height}");
        foreach (CocoAnnotation a in image.Annotations)
            if (a.IsUsable)
                sample.AddObject(a.X, a.Y, a.X + a.Width, a.Y + a.Height, a.Label, _options.Masks ? MaskOf(a, sample, path) : null);
        sample.KeepBoxes((x1, y1, x2, y2) => x2 > x1 && y2 > y1); // where the file did not know the image's size
        return true;
    }

    /// <summary>The mask of an object, unless it is damaged or for an image of another size.</summary>
    private Segmentation? MaskOf(CocoAnnotation a, Sample sample, string path)
    {
        if (a.Segmentation is not { } mask)
            return null;
        if (mask.Size is { } size && size != (sample.Height, sample.Width))
            WarnOnce(DataWarningKind.MaskSizeDiffers, a.Id, $"{path}: {sample.Width} x {sample.Height}, annotation {a.Id}: {size.Width} x {size.Height}");
        else if (mask.Fault() is { } fault)
            WarnOnce(DataWarningKind.UnreadableMask, a.Id, $"{path}, annotation {a.Id}: {fault}");
        else
            return mask;
        return null;
    }

    private void RememberBroken(int index, DataException e)
    {
        lock (_broken)
        {
            if (!_broken.TryAdd(index, e.Message))
                return;
            _warnings.Add(DataWarningKind.BrokenImage, e.Message);
            if (_broken.Count > _options.BrokenLimit)
                throw new DataException($"{_imageFolder}: more than {_options.BrokenLimit} images are missing or broken; the last one: {e.Message}", e);
        }
    }

    private void WarnOnce(DataWarningKind kind, long id, string place)
    {
        lock (_noticed)
            if (_noticed.Add((kind, id)))
                _warnings.Add(kind, place);
    }

    private bool IsLargeEnough(CocoImage image)
    {
        bool isLarge = image.Width == 0 || Math.Min(image.Width, image.Height) >= _options.SmallestSide;
        if (!isLarge)
            _warnings.Add(DataWarningKind.SmallImage, $"{image.FileName}, {image.Width} x {image.Height}");
        return isLarge;
    }

    private static string FirstWarning(CocoFile file) => file.Warnings.Count == 0 ? "" : $"; {file.Warnings[0].Message}";

    /// <summary>What one thread keeps between batches.</summary>
    private sealed class Worker
    {
        internal Worker(int batchSize)
        {
            var spare = new SpareImage();
            Samples = [.. Enumerable.Range(0, batchSize).Select(_ => new Sample(spare))];
            Indices = new int[batchSize];
        }

        internal Sample[] Samples { get; }

        internal int[] Indices { get; }
    }
}
