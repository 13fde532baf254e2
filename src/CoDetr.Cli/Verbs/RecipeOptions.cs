using System.CommandLine;
using System.CommandLine.Parsing;
using CoDetr.Training;

namespace CoDetr.Cli;

/// <summary>The options of <c>codetr train</c> that change what is learned.</summary>
internal sealed class RecipeOptions
{
    private readonly Option<int?> epochs = Settings.Whole("--epochs", "Passes over the data; milestones of the learning rate move along", 1);
    private readonly Option<int?> batch = Settings.Whole("--batch", "Pictures a batch", 1);
    private readonly Option<int?> accumulate = Settings.Whole("--accumulate", "Batches an update, for larger batches than fit into memory", 1);
    private readonly Option<double?> rate = Settings.Positive("--lr", "Learning rate");
    private readonly Option<double?> decay = Settings.Positive("--weight-decay", "Weight decay");
    private readonly Option<double?> clip = Settings.Positive("--clip", "Largest norm of the gradients");
    private readonly Option<int?> warmup = Settings.Whole("--warmup", "Steps over which the learning rate grows", 0);
    private readonly Option<int?> evaluateEvery = Settings.Whole("--evaluate-every", "Epochs between evaluations, of which the best is kept [default: 1]", 1);
    private readonly Option<long?> seed = new("--seed") { Description = "Everything random follows from it [default: 0]", HelpName = "N" };
    private readonly Option<bool> ema = new("--ema") { Description = "Keep averaged weights; evaluate and save those" };
    private readonly Option<bool> recompute = new("--recompute") { Description = "Compute activations again in backward: less memory, more time" };
    private readonly Option<string?> precision = Settings.Precision("f32");
    private readonly Option<string?> optimizer = new("--optimizer") { Description = "adamw or sgd [default: adamw]", HelpName = "NAME" };
    private readonly Option<string?> augment = new("--augment")
    {
        Description = "none: pictures as they are; detr: mirrored, resized and cropped; jitter: resized and cropped [default: detr, none for the tiny models]",
        HelpName = "NAME",
    };

    private readonly Option<int?> shortEdge = Settings.Whole("--short-edge", "Pictures are resized to this short edge for testing, up to it for training (detr); for jitter it is the long edge", 32);

    private readonly Option<string?> backbone = new("--backbone")
    {
        Description = $"{Settings.BackboneHelp}; it then learns at a tenth of the rate",
        HelpName = "FILE",
    };

    private readonly Option<bool> federated = new("--fed-loss") { Description = "Each step, train the classes that its pictures show and some others only: for many rare classes" };
    private readonly CollaborationOptions collaboration = new();

    internal RecipeOptions()
    {
        optimizer.AcceptOnlyFromAmong("adamw", "sgd");
        augment.AcceptOnlyFromAmong("none", "detr", "jitter");
    }

    internal Option<string> Model { get; } = Settings.Model(RecipeBook.Photographs.Model);

    private Option[] All => [Model, epochs, batch, accumulate, rate, decay, clip, warmup, evaluateEvery, seed, ema, recompute, precision, optimizer, augment, shortEdge, backbone, federated, .. collaboration.All];

    internal void AddTo(Command command)
    {
        foreach (Option option in All)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The first option that was given, other than the number of epochs.</summary>
    internal string? GivenBesidesEpochs(CommandResult result) => All.FirstOrDefault(option => option != epochs && result.GetResult(option) is { Implicit: false })?.Name;

    internal int? ReadEpochs(ParseResult parsed) => parsed.GetValue(epochs);

    /// <summary>The recipe of the model with what was given in place of its own settings.</summary>
    internal Recipe Read(ParseResult parsed)
    {
        Recipe recipe = RecipeBook.For(parsed.GetRequiredValue(Model)).WithEpochs(parsed.GetValue(epochs)).WithBackbone(parsed.GetValue(backbone));
        LearningRateSchedule schedule = recipe.Schedule;
        int edge = parsed.GetValue(shortEdge) ?? 0;
        return recipe with
        {
            BatchSize = parsed.GetValue(batch) ?? recipe.BatchSize,
            Accumulate = parsed.GetValue(accumulate) ?? recipe.Accumulate,
            Schedule = schedule with { Rate = parsed.GetValue(rate) ?? schedule.Rate, WarmupSteps = parsed.GetValue(warmup) ?? schedule.WarmupSteps },
            WeightDecay = parsed.GetValue(decay) ?? recipe.WeightDecay,
            ClipNorm = parsed.GetValue(clip) ?? recipe.ClipNorm,
            EvaluateEvery = parsed.GetValue(evaluateEvery) ?? recipe.EvaluateEvery,
            Seed = parsed.GetValue(seed) ?? recipe.Seed,
            MovingAverage = parsed.GetValue(ema),
            Recompute = parsed.GetValue(recompute),
            Precision = Precisions.Parse(parsed.GetValue(precision) ?? "f32"),
            Collaboration = collaboration.Read(parsed),
            FederatedLoss = parsed.GetValue(federated),
            Optimizer = parsed.GetValue(optimizer) == "sgd" ? OptimizerKind.Sgd : OptimizerKind.AdamW,
            Augmentation = parsed.GetValue(augment) switch
            {
                "none" => new Augmentation { TestShortEdge = edge },
                "jitter" => Augmentation.Jittered(edge > 0 ? edge : 144),
                "detr" => Augmentation.ForPhotographs(edge > 0 ? edge : 800),
                _ when edge > 0 => recipe.Augmentation.Detr ? Augmentation.ForPhotographs(edge) : recipe.Augmentation with { TestShortEdge = edge },
                _ => recipe.Augmentation,
            },
        };
    }
}
