using System.CommandLine;
using System.CommandLine.Parsing;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary>Options that several verbs share, and how values are checked.</summary>
internal static class Settings
{
    /// <summary>Shows where an error comes from.</summary>
    internal static Option<bool> Verbose { get; } = new("--verbose") { Description = "Show where an error comes from", Recursive = true };

    /// <summary>Compiles each kernel again.</summary>
    internal static Option<bool> NoCache { get; } = new("--no-cache") { Description = "Compile the GPU's kernels again; keep none on the disk", Recursive = true };

    /// <summary>What computes.</summary>
    internal static Option<string?> On { get; } = Checked(
        new Option<string?>("--device") { Description = "What computes [default: CODETR_DEVICE, else cuda where it works, else cpu]", HelpName = "cpu|cuda|cuda:N" },
        Device.IsName,
        "cpu, cuda or cuda:N");

    internal static Option<string> Data { get; } = new("--data")
    {
        Description = "Folder of a data set in COCO format, for example with annotations/instances_train.json and images/train/",
        HelpName = "DIR",
        Required = true,
    };

    internal static Option<FileInfo> Weights { get; } = new("--weights")
    {
        Description = "Checkpoint that codetr has written; says itself which model and classes it holds",
        HelpName = "FILE",
        Required = true,
    };

    /// <summary>A new <c>--workers</c>: each verb has its own, so that its default shows in its help.</summary>
    internal static Option<int> Workers() => AtLeast(
        new Option<int>("--workers", "-j") { Description = "Threads that compute", HelpName = "N", DefaultValueFactory = _ => Environment.ProcessorCount }, 1);

    /// <summary>Computes there from now on; gives the number of threads that load pictures.</summary>
    internal static int UseDevice(ParseResult parsed, Option<int> workers)
    {
        Device.Default = Device.Open(parsed.GetValue(On), parsed.GetValue(workers));
        return Math.Clamp(parsed.GetValue(workers), 1, 4);
    }

    /// <summary>A new <c>--head</c>.</summary>
    internal static Option<string> Head() => new("--head")
    {
        Description = "The head that finds objects: the query head, or an auxiliary one that the checkpoint holds",
        HelpName = "detr|atss|faster-rcnn|…",
        DefaultValueFactory = _ => "detr",
    };

    /// <summary>A new <c>--nms</c>.</summary>
    internal static Option<double?> Nms() => Checked(
        new Option<double?>("--nms") { Description = "Drop boxes of the query head that overlap a better one of their class by more [default: as the model does]", HelpName = "IOU" },
        text => double.TryParse(text, out double x) && x is >= 0 and <= 1, "a number from 0 to 1");

    /// <summary>What <c>--nms</c> changes of a model.</summary>
    internal static void UseNms(Detector model, double? overlap) =>
        model.QuerySuppression = overlap is double x ? SuppressionSettings.Hard((float)x) : model.QuerySuppression;

    /// <summary>A new <c>--precision</c>.</summary>
    internal static Option<string?> Precision(string fallback)
    {
        Option<string?> option = new("--precision") { Description = $"How activations are stored; bf16 and f16 need a GPU [default: {fallback}]", HelpName = string.Join('|', Precisions.Names) };
        option.AcceptOnlyFromAmong([.. Precisions.Names]);
        return option;
    }

    /// <summary>Help of an option that names a pretrained backbone.</summary>
    internal const string BackboneHelp = "ImageNet weights of the backbone: torchvision's ResNet, the official Swin or EVA-02, as .pth or .safetensors";

    /// <summary>A new <c>--model</c> with a default.</summary>
    internal static Option<string> Model(string fallback) => OfZoo(new Option<string>("--model", "-m") { DefaultValueFactory = _ => fallback });

    /// <summary>A new <c>--model</c> without one.</summary>
    internal static Option<string?> ModelOrNone() => OfZoo(new Option<string?>("--model", "-m"));

    private static Option<T> OfZoo<T>(Option<T> option)
    {
        option.Description = $"One of {string.Join(", ", ModelZoo.Names)}";
        option.HelpName = "NAME";
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.Tokens[0].Value is string name && !ModelZoo.Names.Contains(name))
            {
                result.AddError($"There is no model '{name}'{Nearest.Hint(name, ModelZoo.Names)} Models: {string.Join(", ", ModelZoo.Names)}.");
            }
        });
        return option;
    }

    /// <summary>An option of whole numbers with a default that depends on other options.</summary>
    internal static Option<int?> Whole(string name, string description, int least) =>
        AtLeast(new Option<int?>(name) { Description = description, HelpName = "N" }, least);

    /// <summary>An option of positive numbers.</summary>
    internal static Option<double?> Positive(string name, string description) =>
        Checked(new Option<double?>(name) { Description = description, HelpName = "X" }, text => double.TryParse(text, out double x) && x > 0 && double.IsFinite(x), "a positive number");

    internal static Option<T> AtLeast<T>(Option<T> option, int least) => Checked(option, text => int.TryParse(text, out int n) && n >= least, $"a whole number of at least {least}");

    internal static Option<T> Checked<T>(Option<T> option, Func<string, bool> isRight, string what)
    {
        option.Validators.Add((OptionResult result) =>
        {
            if (result.Tokens.Count > 0 && !isRight(result.Tokens[0].Value))
            {
                result.AddError($"{option.Name} must be {what}, got '{result.Tokens[0].Value}'.");
            }
        });
        return option;
    }
}
