namespace CoDetr.Training;

/// <summary>Factors for the parameters whose name contains a key. Of several keys that fit, the longest wins.</summary>
/// <param name="Key">Part of a parameter's full name, for example <c>sampling_offsets</c>.</param>
/// <param name="LearningRate">Times the learning rate of the schedule.</param>
/// <param name="WeightDecay">Times the weight decay of the recipe.</param>
public sealed record ParameterRule(string Key, double LearningRate = 1, double WeightDecay = 1)
{
    /// <summary>The rule for a parameter; one that changes nothing if no key fits.</summary>
    /// <param name="rules">All rules, in any order.</param>
    /// <param name="name">The parameter's full name.</param>
    public static ParameterRule For(IEnumerable<ParameterRule> rules, string name) =>
        rules.Where(rule => name.Contains(rule.Key, StringComparison.Ordinal)).OrderByDescending(rule => rule.Key.Length).FirstOrDefault()
        ?? new ParameterRule("");
}
