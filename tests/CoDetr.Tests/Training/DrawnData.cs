using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Tests.Training;

/// <summary>A small data set of drawn rectangles, two classes, in a folder of its own.</summary>
internal static class DrawnData
{
    internal const int Side = 64;

    /// <summary>Writes <paramref name="images"/> pictures with one to three rectangles each as train and a few as val.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="images">Pictures to train with.</param>
    /// <param name="triangles">Whether each object has a mask: the upper left half of its box.</param>
    internal static string Write(string folder, int images = 8, bool triangles = false)
    {
        WritePart(folder, "train", images, seed: 1, triangles);
        WritePart(folder, "val", 3, seed: 2, triangles);
        return folder;
    }

    internal static string Annotations(string folder, string part = "train") => Path.Combine(folder, "annotations", $"instances_{part}.json");

    internal static string Image(string folder, int number, string part = "train") => Path.Combine(folder, "images", part, $"{number}.png");

    /// <summary>Replaces text in the annotation file.</summary>
    internal static void Edit(string folder, string from, string to)
    {
        string path = Annotations(folder), text = File.ReadAllText(path);
        int at = text.IndexOf(from, StringComparison.Ordinal);
        Assert.True(at >= 0, $"'{from}' is not in {text}");
        File.WriteAllText(path, text[..at] + to + text[(at + from.Length)..]);
    }

    private static void WritePart(string folder, string part, int images, int seed, bool triangles)
    {
        Random random = new(seed);
        List<object> pictures = [], objects = [];
        for (int i = 1; i <= images; i++)
        {
            ImageU8 image = new(Side, Side);
            random.NextBytes(image.Pixels);
            foreach (ref byte value in image.Pixels)
            {
                value = (byte)(value / 4);
            }

            for (int k = 0; k < 1 + (i % 3); k++)
            {
                int width = random.Next(12, 28), height = random.Next(12, 28), x = random.Next(Side - width), y = random.Next(Side - height), label = random.Next(2);
                Fill(image, x, y, width, height, label);
                int[][]? mask = triangles ? [[x, y, x + width, y, x, y + height]] : null;
                objects.Add(new
                {
                    id = objects.Count + 1,
                    image_id = i,
                    category_id = 3 + label,
                    bbox = new[] { x, y, width, height },
                    area = width * height,
                    iscrowd = 0,
                    segmentation = mask,
                });
            }

            ImageWriter.Write(Image(folder, i, part), image);
            pictures.Add(new { id = i, file_name = $"{i}.png", width = Side, height = Side });
        }

        Directory.CreateDirectory(Path.Combine(folder, "annotations"));
        File.WriteAllText(Annotations(folder, part), JsonSerializer.Serialize(new
        {
            images = pictures,
            annotations = objects,
            categories = new[] { new { id = 3, name = "red" }, new { id = 4, name = "green" } },
        }));
    }

    private static void Fill(ImageU8 image, int left, int top, int width, int height, int channel)
    {
        for (int y = top; y < top + height; y++)
        {
            for (int x = left; x < left + width; x++)
            {
                image.Row(y)[(3 * x) + channel] = 230;
            }
        }
    }
}
