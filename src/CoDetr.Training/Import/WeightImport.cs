using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>
/// Fills a model from somebody else's weights: names decide, as in the official checkpoints (spec/checkpoint-keys.md). What a file lacks keeps what the model
/// was started with, and is reported.
/// </summary>
public static class WeightImport
{
    private const string Backbone = "backbone.";
    private const string Contrastive = "encoder."; // MoBY: the network that is wanted among others

    /// <summary>Words in the names of what has a row for each class.</summary>
    private static readonly string[] ClassHeads =
        ["cls_branches", "label_embedding", "fc_cls", "fc_reg", "atss_cls", "retina_cls", "gfl_cls", "conv_cls", "conv_logits", "fcos_cls", "paa_cls"];

    /// <summary>What an ImageNet file has beyond the backbone: its classifier, tokens of pre-training, the last norm.</summary>
    private static readonly string[] Classifier = ["fc.", "head.", "norm.", "fc_norm.", "lm_head.", "cls_token", "mask_token"];

    /// <summary>Fills a whole detector.</summary>
    /// <param name="model">It has been started: what the file lacks keeps its numbers.</param>
    /// <param name="file">The weights.</param>
    /// <param name="mayBePartial">Whether parameters may be missing or of another shape; otherwise the model stays as it is, which the report says.</param>
    /// <exception cref="CheckpointException">The file has nothing in common with the model, or is damaged.</exception>
    public static ImportReport Load(Module model, StateDict file, bool mayBePartial = false)
    {
        Plan plan = new(model.NamedParameters(), file, file.Names.ToDictionary(name => name), ofBackbone: false);
        ImportReport report = plan.Report();
        if (report.Loaded.Count == 0)
        {
            throw new CheckpointException(
                $"{file.Path} has nothing in common with the model: it holds {Some(file.Names)}; "
                + $"the model wants {Some(model.NamedParameters().Select(pair => pair.Name))}.");
        }

        if (report.IsComplete || mayBePartial)
        {
            plan.Load();
        }

        return report;
    }

    /// <summary>Fills a detector's backbone from ImageNet weights (torchvision's ResNet, the official Swin, MoBY, EVA-02) or from a detector's.</summary>
    /// <exception cref="CheckpointException">The file holds another backbone, or is damaged.</exception>
    public static ImportReport LoadBackbone(Module model, string path)
    {
        using StateDict file = StateDict.Open(path, averagesFirst: true);
        bool isContrastive = file.Names.Any(name => name.StartsWith(Contrastive + "patch_embed.", StringComparison.Ordinal));
        string prefix = isContrastive ? Contrastive : file.Names.Any(IsOfBackbone) ? Backbone : "";
        Dictionary<string, string> names = file.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(name => Backbone + name[prefix.Length..]);
        Plan plan = new(model.NamedParameters().Where(pair => IsOfBackbone(pair.Name)), file, names, ofBackbone: true);
        ImportReport report = plan.Report();
        if (report.Loaded.Count == 0 || !report.IsComplete)
        {
            string reshaped = string.Concat(report.Reshaped.Take(1).Select(array => $" ({array.Name} is {array.Found} instead of {array.Wanted})"));
            throw new CheckpointException(
                $"{path} holds another backbone than the model's: {report.Loaded.Count} arrays fit, {report.Missing.Count} are missing "
                + $"({Some(report.Missing)}), {report.Reshaped.Count} have another shape{reshaped}.");
        }

        plan.Load();
        return report;
    }

    private static bool IsOfBackbone(string name) => name.StartsWith(Backbone, StringComparison.Ordinal);

    /// <summary>Tables that follow from the configuration, and counters.</summary>
    private static bool IsComputed(string name) => name.EndsWith(".num_batches_tracked", StringComparison.Ordinal)
        || name.EndsWith(".relative_position_index", StringComparison.Ordinal)
        || name.EndsWith(".attn_mask", StringComparison.Ordinal)
        || name.Split('.').Any(part => part.StartsWith("rope", StringComparison.Ordinal));

    private static bool IsClassifier(string name) => Classifier.Any(part => name.StartsWith(Backbone + part, StringComparison.Ordinal));

    /// <summary>Norms behind the stages, which only detectors have.</summary>
    private static bool IsOfDetectors(string name) => name.StartsWith(Backbone + "out_norm.", StringComparison.Ordinal)
        || (name.StartsWith(Backbone + "norm", StringComparison.Ordinal) && char.IsAsciiDigit(name[(Backbone + "norm").Length]));

    /// <summary>Tables of a window, which do not carry over to another number of attention heads.</summary>
    private static bool IsOfWindows(string name) => name.EndsWith(".relative_position_bias_table", StringComparison.Ordinal);

    /// <summary>Whether the shapes differ in nothing but the number of classes.</summary>
    /// <param name="name">The parameter.</param>
    /// <param name="found">Its shape in the file.</param>
    /// <param name="wanted">Its shape in the model.</param>
    /// <param name="classes">How many classes file and model tell apart, where both say so.</param>
    private static bool IsClassHead(string name, Shape found, Shape wanted, (int File, int Model)? classes)
    {
        string[] parts = name.Split('.');
        if (found.Length != wanted.Length || found.Length == 0 || found.With(0, wanted[0]) != wanted || !ClassHeads.Any(parts.Contains))
        {
            return false;
        }

        int background = parts.Contains("fc_cls") ? 1 : 0;
        return classes is not (int file, int model) || (file != model && (long)(found[0] - background) * model == (long)(wanted[0] - background) * file);
    }

    /// <summary>The rows of the query head's first class branch, one for each class.</summary>
    private static int? Classes(IEnumerable<string> names, Func<string, Shape> shapeOf)
    {
        string? head = names.FirstOrDefault(name => name.EndsWith("cls_branches.0.weight", StringComparison.Ordinal));
        return head is not null && shapeOf(head) is { Length: > 0 } shape ? shape[0] : null;
    }

    private static string Some(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return all.Length == 0 ? "none" : string.Join(", ", all.Take(3)) + (all.Length > 3 ? ", …" : "");
    }

    /// <summary>Which array goes where, made before anything is changed.</summary>
    private sealed class Plan
    {
        private readonly StateDict file;
        private readonly (int File, int Model)? classes;
        private readonly List<(string Name, Parameter Parameter, string Source)> loads = [];
        private readonly List<ConvertedArray> converted = [];
        private readonly List<ReshapedArray> classHeads = [], reshaped = [];
        private readonly List<string> fresh = [], missing = [], ignored = [], unexpected = [];

        /// <param name="parameters">What is to be filled.</param>
        /// <param name="file">From where.</param>
        /// <param name="sources">The file's names by the names that they have here.</param>
        /// <param name="ofBackbone">Whether it is a backbone's own file.</param>
        internal Plan(IEnumerable<(string Name, Parameter Parameter)> parameters, StateDict file, Dictionary<string, string> sources, bool ofBackbone)
        {
            this.file = file;
            (string Name, Parameter Parameter)[] all = [.. parameters.Where(pair => !IsComputed(pair.Name))];
            Dictionary<string, Shape> shapes = all.ToDictionary(pair => pair.Name, pair => pair.Parameter.CheckpointShape);
            classes = Classes(file.Names, file.ShapeOf) is int known && Classes(shapes.Keys, name => shapes[name]) is int own ? (known, own) : null;
            HashSet<string> wanted = [];
            foreach ((string name, Parameter parameter) in all)
            {
                wanted.Add(name);
                Add(name, parameter, sources.GetValueOrDefault(name), ofBackbone);
            }

            ignored.AddRange(file.Averages);
            foreach ((string name, string source) in sources.Where(pair => !wanted.Contains(pair.Key)))
            {
                (IsComputed(name) || (ofBackbone && IsClassifier(name)) ? ignored : unexpected).Add(source);
            }

            HashSet<string> used = [.. sources.Values];
            (ofBackbone ? ignored : unexpected).AddRange(file.Names.Where(name => !used.Contains(name)));
        }

        internal ImportReport Report() => new()
        {
            Loaded = [.. loads.Select(load => load.Name)],
            Converted = converted,
            ClassHeads = classHeads,
            Fresh = fresh,
            Missing = missing,
            Reshaped = reshaped,
            Ignored = ignored,
            Unexpected = unexpected,
        };

        /// <summary>Reads and converts one array after another.</summary>
        internal void Load()
        {
            foreach ((string name, Parameter parameter, string source) in loads)
            {
                StoredTensor stored = file.Read(source);
                float[] values = stored.ToFloats();
                Shape shape = parameter.CheckpointShape;
                parameter.Import(stored.Shape == shape ? values : PretrainedArrays.Resize(name, values, stored.Shape, shape));
            }
        }

        private void Add(string name, Parameter parameter, string? source, bool ofBackbone)
        {
            if (source is null)
            {
                (ofBackbone && IsOfDetectors(name) ? fresh : missing).Add(name);
                return;
            }

            (Shape found, Shape shape) = (file.ShapeOf(source), parameter.CheckpointShape);
            bool isResized = found != shape && PretrainedArrays.CanResize(name, found, shape);
            if (found == shape || isResized)
            {
                loads.Add((name, parameter, source));
                if (isResized)
                {
                    converted.Add(new ConvertedArray(name, $"resized from {found} to {shape}"));
                }
                else if (file.DTypeOf(source) != DType.F32)
                {
                    converted.Add(new ConvertedArray(name, $"{file.DTypeOf(source)} to {DType.F32}"));
                }
            }
            else if (IsClassHead(name, found, shape, classes))
            {
                classHeads.Add(new ReshapedArray(name, found, shape));
            }
            else if (ofBackbone && IsOfWindows(name))
            {
                fresh.Add(name);
            }
            else
            {
                reshaped.Add(new ReshapedArray(name, found, shape));
            }
        }
    }
}
