using System.Text.Json;

namespace CoDetr.Detection;

/// <summary>
/// Reads a model configuration of the reference implementation as JSON. Missing keys take the defaults of spec/model.md §15, unknown ones are errors; weights of
/// auxiliary losses are absolute: λ2 and the number of decoder layers are in them already.
/// </summary>
public static class ReferenceConfig
{
    /// <summary>Reads a file: the configuration itself, or an object that holds it under <c>model</c>.</summary>
    /// <exception cref="ConfigException">The file or the configuration is not what it must be; the message names the key.</exception>
    public static DetectorConfig ReadFile(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            return Read(root.ValueKind == JsonValueKind.Object && root.TryGetProperty("model", out JsonElement model) ? model : root);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: not read as a model configuration in JSON ({e.Message.TrimEnd('.')}).");
        }
        catch (ConfigException e)
        {
            throw new ConfigException($"{path}: {e.Message}");
        }
    }

    /// <summary>Reads a configuration.</summary>
    /// <exception cref="ConfigException">A key is missing, unknown, or asks for what is not built.</exception>
    public static DetectorConfig Read(JsonElement json)
    {
        ConfigNode model = new(json, "model");
        if (model.Type != "CoDETR")
        {
            throw model.Wrong($"has type {model.Type}; built: CoDETR");
        }

        model.Only("eval_module", "detr").Without("eval_index", "init_cfg", "pretrained");
        Parts train = new(model.Children("train_cfg")), test = new(model.Children("test_cfg"));
        DetectorConfig config = new() { Classes = 0, Backbone = ReferenceBackbones.Read(model.Required("backbone")), KnowsPadding = model.Flag("with_attn_mask", true) };
        ConfigNode? queryTrain = train.Next(), queryTest = test.Next();
        config = ReferenceQueryHead.Read(config, model.Required("query_head"), queryTrain, queryTest);
        ReferenceBackbones.Check(model.Required("neck"), config);
        ConfigNode[] regional = model.Children("roi_head"), dense = model.Children("bbox_head");
        List<AuxiliaryHeadConfig> heads = [];
        ReferenceHeads read = new(config.Levels + 1);
        ConfigNode? region = model.Child("rpn_head");
        for (int i = 0; i < Math.Max(regional.Length, region is null ? 0 : 1); i++)
        {
            (ConfigNode? forTraining, ConfigNode? forTesting) = (train.Next(), test.Next());
            if (i == 0 && region is not null)
            {
                config = config with { Proposals = read.Proposals(region, forTraining, forTesting) };
            }

            if (i < regional.Length)
            {
                heads.Add(read.Regional(regional[i], forTraining?.Child("rcnn"), forTesting?.Child("rcnn")));
            }

            forTraining?.Done();
            forTesting?.Done();
        }

        foreach (ConfigNode head in dense)
        {
            heads.Add(read.Dense(head, train.Next(), test.Next()));
        }

        bool isOn = model.Flag("with_pos_coord", true);
        model.Done();
        return config with { Auxiliary = heads, FirstStride = read.FirstStride ?? config.FirstStride, Positives = config.Positives with { IsOn = isOn } };
    }

    /// <summary>The settings of one head after another; a list that ends early leaves the rest at their defaults.</summary>
    private sealed class Parts(ConfigNode[] nodes)
    {
        private int next;

        internal ConfigNode? Next() => next < nodes.Length ? nodes[next++] : null;
    }
}
