using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Training;

namespace CoDetr.Golden.Claims;

/// <summary>Whole models with the reference's weights and draws: features, predictions, matching, losses, gradients, an update, inference, trajectories.</summary>
internal static class ModelClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("models/*_trajectory", Trajectory),
        new("models/*", Whole),
    ];

    private static void Whole(GoldenCase golden)
    {
        Scene scene = new(golden);
        Detector model = scene.Model;
        Draws draws = StepDraws.Of(golden, "draw.", model, scene.Pictures, scene.Truth);
        ModelIntermediates.Compare(golden, scene, draws);
        using (FlatParameters flat = new(model))
        {
            using Optimizer optimizer = scene.Optimizer(flat, golden.Config.GetProperty("optimizer"));
            LossTable losses = model.Losses(scene.Pictures, scene.Truth, draws);
            CompareLosses(golden, "", losses);
            losses.Total.Backward();
            CompareGradients(golden, model, flat);
            Dictionary<string, float[]> gradients = model.NamedParameters().Where(p => golden.Has($"step.{p.Name}")).ToDictionary(p => p.Name, p => p.Parameter.ExportGrad());
            float norm = Update(optimizer, flat, scene.Rate);
            foreach ((string name, Parameter parameter) in model.NamedParameters().Where(p => golden.Has($"step.{p.Name}")))
            {
                // Elements of nearly no gradient are moved by noise: the case's own rule leaves them out.
                float clip = Math.Min(1, scene.Clip / (norm + 1e-6f));
                golden.Compare<float>($"step.{name}", parameter.Export(), i => Math.Abs(gradients[name][i] * clip) > 1e-6f);
            }
        }

        Scene fresh = new(golden); // backward has used up the pictures, and the weights have moved
        fresh.Model.IsTraining = false;
        ModelInference.Compare(golden, fresh);
    }

    /// <summary>Several updates from a case's weights: each loss of each step, then the parameters.</summary>
    private static void Trajectory(GoldenCase golden)
    {
        string path = Path.Combine(Path.GetDirectoryName(golden.SidecarPath)!, Path.GetFileName(golden.Config.GetProperty("base_case").GetString()!) + ".json");
        using GoldenCase origin = GoldenCase.Open(path) ?? throw new InvalidOperationException($"{path} is no case.");
        Scene scene = new(origin);
        Detector model = scene.Model;
        using FlatParameters flat = new(model);
        using Optimizer optimizer = scene.Optimizer(flat, golden.Config.GetProperty("optimizer"));
        int steps = golden.Config.GetProperty("steps").GetInt32();
        for (int step = 0; step < steps; step++)
        {
            using StepScope scope = StepScope.Begin();
            Draws draws = StepDraws.Of(golden, $"step{step}.draw.", model, scene.Pictures, scene.Truth);
            LossTable losses = model.Losses(scene.Pictures, scene.Truth, draws);
            CompareLosses(golden, $"step{step}.", losses);
            losses.Total.Backward();
            golden.Compare<float>($"step{step}.grad_norm", [Update(optimizer, flat, scene.Rate)]);
        }

        foreach ((string name, Parameter parameter) in model.NamedParameters().Where(p => golden.Has($"final.{p.Name}")))
        {
            golden.CompareMost($"final.{name}", parameter.Export(), within: 2 * scene.Rate * steps);
        }
    }

    /// <summary>Each loss by name; what lies in levels also as their sum.</summary>
    private static void CompareLosses(GoldenCase golden, string prefix, LossTable losses)
    {
        float[] values = losses.Values.ToArray();
        Dictionary<string, double> sums = [];
        for (int i = 0; i < values.Length; i++)
        {
            string name = losses.Names[i], start = name.TrimEnd("0123456789".ToCharArray());
            golden.Compare<float>($"{prefix}loss.{name}", [values[i]]);
            if (start.EndsWith('.'))
            {
                sums[start[..^1]] = sums.GetValueOrDefault(start[..^1]) + values[i];
            }
        }

        foreach ((string name, double sum) in sums)
        {
            golden.Compare<float>($"{prefix}loss.{name}", [(float)sum]);
        }

        golden.Compare<float>($"{prefix}loss_total", [losses.Total.ToScalar()]);
    }

    private static void CompareGradients(GoldenCase golden, Detector model, FlatParameters flat)
    {
        model.CompareGradients(golden, "");
        Dictionary<string, Parameter> parameters = model.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter);
        string[] names = [.. golden.Config.GetProperty("param_names_of_grad_norms").EnumerateArray().Select(name => name.GetString()!)];
        golden.Compare<float>("grad_norms", [.. names.Select(name => (float)Math.Sqrt(parameters[name].ExportGrad().Sum(g => (double)g * g)))]);
        golden.Compare<float>("grad_norm_total", [flat.Gradients.GlobalNorm().ToScalar()]);
    }

    private static float Update(Optimizer optimizer, FlatParameters flat, double rate)
    {
        Tensor norm = flat.Gradients.GlobalNorm();
        float value = norm.ToScalar();
        optimizer.Update(Tensor.From(optimizer.NumbersOf(rate).ToArray(), [UpdateNumbers.Count]), norm);
        optimizer.Updates++;
        return value;
    }
}

/// <summary>What a whole-model case is made of.</summary>
internal sealed class Scene
{
    internal Scene(GoldenCase golden)
    {
        (ImageSize[] sizes, Scales) = HeadClaims.Pictures(golden);
        Pictures = new ImageBatch(golden.ChannelsLast("img"), sizes);
        Truth = HeadClaims.Objects(golden, sizes.Length);
        Model = new Detector(ReferenceConfig.Read(golden.Config.GetProperty("model"))).Filled(golden, "");
        Model.IsTraining = true;
        if (golden.Name == "models/co_dino_5level_vit_sfp")
        {
            MoveOffKinks();
        }
    }

    internal Detector Model { get; }

    internal ImageBatch Pictures { get; }

    internal Truth Truth { get; }

    internal (double X, double Y)[] Scales { get; }

    internal double Rate { get; private set; }

    internal float Clip { get; private set; }

    /// <summary>
    /// Some units of this case have an input of ReLU that lies closer to zero than any arithmetic in f32 can tell (in f64 4e-8 to 2e-6 above it, after errors of
    /// 1e-6 in the reference as here), and on which side it falls decides about gradients. Each gets a bias larger by 1e-5, far more than those errors and far
    /// less than its next input, 1e-4 or more: the side on which f64 and the reference are is then sure, and all else stays within the tolerances.
    /// </summary>
    private void MoveOffKinks()
    {
        (string Bias, int Unit)[] kinks =
        [
            ("query_head.transformer.encoder.layers.0.ffns.0.layers.0.0.bias", 53), ("query_head.transformer.encoder.layers.1.ffns.0.layers.0.0.bias", 13),
            ("query_head.transformer.decoder.layers.1.ffns.0.layers.0.0.bias", 7), ("bbox_head.0.cls_convs.0.gn.bias", 1), ("bbox_head.0.reg_convs.0.gn.bias", 56),
        ];
        foreach ((string name, int unit) in kinks)
        {
            Parameter bias = Model.NamedParameters().Single(p => p.Name == name).Parameter;
            float[] values = bias.Export();
            values[unit] += 1e-5f;
            bias.Import(values);
        }
    }

    internal Optimizer Optimizer(FlatParameters flat, JsonElement settings)
    {
        Rate = settings.GetProperty("lr").GetDouble();
        Clip = settings.GetProperty("grad_clip").GetProperty("max_norm").GetSingle();
        ParameterRule backbone = new("backbone.", settings.GetProperty("backbone_lr_mult").GetDouble());
        return new AdamW(flat, [backbone], settings.GetProperty("weight_decay").GetDouble(), Clip);
    }
}
