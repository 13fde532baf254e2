using System.CommandLine;
using System.Text.Json;
using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary><c>codetr detect</c>: looks for objects in pictures; draws them and writes them as JSON.</summary>
internal static class DetectVerb
{
    internal static Command Command(Terminal terminal)
    {
        Argument<string[]> images = new("IMAGE") { Description = "Pictures: JPEG, PNG or BMP", Arity = ArgumentArity.OneOrMore };
        Option<string> folder = new("--out", "-o") { Description = "Folder for the drawn pictures and detections.json", HelpName = "DIR", DefaultValueFactory = _ => "detections" };
        Option<double> threshold = Settings.Checked(
            new Option<double>("--threshold") { Description = "Least score, from 0 to 1", HelpName = "SCORE", DefaultValueFactory = _ => 0.3 },
            text => double.TryParse(text, out double x) && x is >= 0 and <= 1, "a number from 0 to 1");
        Option<int?> most = Settings.Whole("--top-k", "Most objects of a picture [default: the model's own limit]", 1);
        Option<int> workers = Settings.Workers();
        Option<string> head = Settings.Head();
        Option<double?> nms = Settings.Nms();
        Option<string?> precision = Settings.Precision("as in training, f32 where there is no GPU");
        Command command = new("detect", "Look for objects in pictures: draws them and writes detections.json") { images, Settings.Weights, folder, threshold, most, head, nms, precision, Settings.On, workers };
        command.SetAction(parsed => Failures.Guard(terminal, parsed.GetValue(Settings.Verbose), () =>
        {
            Settings.UseDevice(parsed, workers);
            using Checkpoint checkpoint = Checkpoint.Open(parsed.GetRequiredValue(Settings.Weights).FullName);
            using Detector model = checkpoint.LoadModel();
            Settings.UseNms(model, parsed.GetValue(nms));
            model.Precision = parsed.GetValue(precision) is string name ? Precisions.Parse(name) : model.Precision;
            Evaluator evaluator = new(model, checkpoint.Info.Recipe.Augmentation)
            {
                Head = parsed.GetRequiredValue(head),
                Threshold = (float)parsed.GetValue(threshold),
                MaxDetections = parsed.GetValue(most),
            };
            return Run(terminal, evaluator, checkpoint.Info.Classes, parsed.GetRequiredValue(images), new RunFolder(parsed.GetRequiredValue(folder)));
        }));
        return command;
    }

    /// <summary>A picture that cannot be read is named, and the others are still looked at.</summary>
    private static int Run(Terminal terminal, Evaluator evaluator, IReadOnlyList<ClassName> classes, string[] paths, RunFolder folder)
    {
        folder.Prepare();
        List<(string Path, ScoredBox[] Boxes)> found = [];
        HashSet<string> names = new(StringComparer.OrdinalIgnoreCase);
        foreach (string path in paths)
        {
            ImageU8 image;
            try
            {
                image = ImageReader.Read(path);
            }
            catch (DataException e)
            {
                terminal.Error.WriteLine($"error: {e.Message}");
                continue;
            }

            ScoredBox[] boxes = evaluator.Detect([image])[0];
            found.Add((path, boxes));
            string drawn = folder[DrawnName(path, names)];
            ImageWriter.Write(drawn, BoxPainter.Paint(image, boxes.Reverse().Select(box => Labelled(box, classes)), scale: Math.Max(1, 480 / Math.Max(image.Width, image.Height))));
            terminal.Say($"{path}: {boxes.Length} object{(boxes.Length == 1 ? "" : "s")}{Summary(boxes, classes)} -> {drawn}");
        }

        if (found.Count > 0)
        {
            folder.WriteText("detections.json", Json(found, classes));
        }

        return found.Count == paths.Length ? ExitCode.Success : ExitCode.Error;
    }

    private static string Summary(ScoredBox[] boxes, IReadOnlyList<ClassName> classes) => boxes.Length == 0
        ? ""
        : $" ({string.Join(", ", boxes.GroupBy(box => box.Label).OrderBy(group => group.Key).Select(group => $"{group.Count()} {classes[group.Key].Name}"))})";

    private static string DrawnName(string path, HashSet<string> taken)
    {
        string stem = Path.GetFileNameWithoutExtension(path), name = $"{stem}.png";
        for (int i = 2; !taken.Add(name); i++)
        {
            name = $"{stem}-{i}.png";
        }

        return name;
    }

    private static LabelledBox Labelled(ScoredBox box, IReadOnlyList<ClassName> classes) =>
        new(box.X, box.Y, box.X + box.Width, box.Y + box.Height, box.Label, $"{classes[box.Label].Name} {box.Score:F2}");

    private static string Json(List<(string Path, ScoredBox[] Boxes)> found, IReadOnlyList<ClassName> classes) => JsonSerializer.Serialize(
        found.SelectMany((picture, index) => picture.Boxes.Select(box => new
        {
            image_id = index + 1,
            file_name = picture.Path,
            category_id = classes[box.Label].Id,
            category_name = classes[box.Label].Name,
            bbox = new[] { Math.Round(box.X, 2), Math.Round(box.Y, 2), Math.Round(box.Width, 2), Math.Round(box.Height, 2) },
            score = Math.Round(box.Score, 5),
        })),
        Indented);

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
}
