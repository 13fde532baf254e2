namespace CoDetr.Training;

/// <summary>The folder that a run writes: what lies where.</summary>
/// <param name="Root">Its path.</param>
public sealed record RunFolder(string Root)
{
    /// <summary>The file that a run goes on from.</summary>
    public const string CheckpointName = "checkpoint.safetensors";

    /// <summary>The weights of the best evaluation.</summary>
    public const string BestName = "best.safetensors";

    /// <summary>The state to go on from.</summary>
    public string Checkpoint => Path.Combine(Root, CheckpointName);

    /// <summary>The weights of the best evaluation.</summary>
    public string Best => Path.Combine(Root, BestName);

    /// <summary>One JSON line a step.</summary>
    public string Log => Path.Combine(Root, "log.jsonl");

    /// <summary>The run's description for people.</summary>
    public string Description => Path.Combine(Root, "run.json");

    /// <summary>The page that shows everything.</summary>
    public string Page => Path.Combine(Root, "index.html");

    /// <summary>Another file of the run.</summary>
    public string this[string name] => Path.Combine(Root, name);

    /// <summary>Makes the folder and sees that it can be written.</summary>
    /// <exception cref="RunException">Why not, and what to do.</exception>
    public void Prepare()
    {
        string probe = this[".probe"];
        try
        {
            Directory.CreateDirectory(Root);
            using (FileStream stream = new(probe, FileMode.Create))
            {
                stream.Write(new byte[4096]);
                stream.Flush(flushToDisk: true);
            }

            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RunException($"{Root}: this folder cannot be written ({e.Message.TrimEnd('.')}); choose another with --out, or free space.", e);
        }
    }

    /// <summary>Writes a text file whole.</summary>
    public void WriteText(string name, string text) => Data.WholeFile.Write(this[name], stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));
}
