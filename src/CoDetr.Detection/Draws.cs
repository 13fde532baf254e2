using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>
/// The random numbers of one training step, each array by the name of its consumer: running the heads in another order, or leaving one out, changes no
/// other's numbers. They are drawn on the device, or given.
/// </summary>
public sealed class Draws
{
    private readonly Tensor? seed;
    private readonly IReadOnlyDictionary<string, Tensor>? recorded;
    private readonly string prefix;

    private Draws(Tensor? seed, IReadOnlyDictionary<string, Tensor>? recorded, string prefix) => (this.seed, this.recorded, this.prefix) = (seed, recorded, prefix);

    /// <summary>Numbers that follow from a seed on the device.</summary>
    /// <param name="seed"><c>i32[2]</c>: other numbers for each step</param>
    public static Draws From(Tensor seed) => new(seed, null, "");

    /// <summary>Numbers that are given: by consumer, <c>f32[...]</c>. Who finds none gets zeros.</summary>
    public static Draws Given(IReadOnlyDictionary<string, Tensor> numbers) => new(null, numbers, "");

    /// <summary>The same numbers with a part of the consumer's name set: a head's own draws.</summary>
    internal Draws For(string consumer) => new(seed, recorded, $"{prefix}{consumer}.");

    /// <summary>
    /// Uniform numbers in [0, 1). A random subset of k of a pool is the k members with the smallest of their numbers; for a given permutation, the number of
    /// member <c>permutation[i]</c> is i.
    /// </summary>
    /// <param name="consumer">Who draws.</param>
    /// <param name="shape">Of the result.</param>
    /// <returns><c>f32[...]</c></returns>
    internal Tensor Uniform(string consumer, Shape shape)
    {
        string name = prefix + consumer;
        if (seed is not null)
        {
            return seed.RandomUniform(BinaryPrimitives.ReadInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(name))), shape);
        }

        if (!recorded!.TryGetValue(name, out Tensor? numbers))
        {
            return Tensor.Zeros(shape);
        }

        Check.Shape(numbers, shape);
        return numbers;
    }
}
