namespace CoDetr.Data;

/// <summary>One step of the augmentation: changes pixels, boxes and masks together.</summary>
public abstract class Transform
{
    /// <summary>Changes the sample.</summary>
    /// <param name="sample">changed in place</param>
    /// <param name="draws">asked for random numbers in a fixed order</param>
    /// <returns>false when nothing useful is left and another image should be taken</returns>
    public abstract bool Apply(Sample sample, Draws draws);
}

/// <summary>Applies one of several lists of transforms, each with equal probability. One draw.</summary>
public sealed class OneOf(params IReadOnlyList<Transform>[] policies) : Transform
{
    /// <inheritdoc/>
    public override bool Apply(Sample sample, Draws draws)
    {
        foreach (Transform transform in policies[draws.Between(0, policies.Length - 1)])
            if (!transform.Apply(sample, draws))
                return false;
        return true;
    }
}

/// <summary>Leaves out boxes that are too small to be seen. No draw.</summary>
/// <param name="minimum">pixels of width and of height that a box must exceed</param>
public sealed class FilterBoxes(float minimum = 0.01f) : Transform
{
    /// <inheritdoc/>
    public override bool Apply(Sample sample, Draws draws)
    {
        if (sample.Labels.Count == 0)
            return true;
        sample.KeepBoxes((x1, y1, x2, y2) => x2 - x1 > minimum && y2 - y1 > minimum);
        return sample.Labels.Count > 0;
    }
}
