namespace CoDetr.Golden;

/// <summary>One line a case, then one a family, then the totals.</summary>
internal sealed class Summary
{
    private readonly SortedDictionary<string, Family> families = new(StringComparer.Ordinal);

    internal void AddUnreadable(string path, string why)
    {
        FamilyOf("unreadable").Failed++;
        Console.WriteLine($"FAIL {path}: {why}");
    }

    internal void Add(GoldenCase golden, bool isClaimed)
    {
        Family family = FamilyOf(golden.Family);
        if (!isClaimed)
        {
            family.Unclaimed.Add(golden.Name);
            return;
        }

        string[] failures = [.. golden.Failures];
        family.Passed += failures.Length == 0 ? 1 : 0;
        family.Failed += failures.Length == 0 ? 0 : 1;
        Comparison worst = golden.Worst;
        family.Worst = Comparison.Worse(family.Worst, worst with { Name = $"{golden.Name} {worst.Name}" });
        Console.WriteLine($"{(failures.Length == 0 ? "ok  " : "FAIL")} {golden.Name,-44} error {worst.Error,-9:G3} tolerance {worst.Allowed,-9:G3} {worst.Name}");
        foreach (string failure in failures.Take(12))
        {
            Console.WriteLine($"     {failure}");
        }

        if (failures.Length > 12)
        {
            Console.WriteLine($"     … and {failures.Length - 12} more");
        }
    }

    /// <summary>Prints the totals. True if nothing failed and, unless only claimed cases count, everything was claimed.</summary>
    internal bool Print(bool claimedOnly)
    {
        Console.WriteLine();
        foreach ((string name, Family family) in families)
        {
            string worst = family.Worst == Comparison.None ? "" : $", worst {family.Worst.Error:G3} of {family.Worst.Allowed:G3} ({family.Worst.Name})";
            Console.WriteLine($"{name}: {family.Passed} passed, {family.Failed} failed, {family.Unclaimed.Count} unclaimed{worst}");
        }

        foreach (string name in claimedOnly ? [] : families.Values.SelectMany(f => f.Unclaimed))
        {
            Console.WriteLine($"nothing claims {name}");
        }

        int passed = families.Values.Sum(f => f.Passed), failed = families.Values.Sum(f => f.Failed), unclaimed = families.Values.Sum(f => f.Unclaimed.Count);
        Console.WriteLine($"{passed} passed, {failed} failed, {unclaimed} unclaimed");
        return failed == 0 && (claimedOnly || unclaimed == 0) && passed + failed + unclaimed > 0;
    }

    private Family FamilyOf(string name)
    {
        if (!families.TryGetValue(name, out Family? family))
        {
            families.Add(name, family = new Family());
        }

        return family;
    }

    private sealed class Family
    {
        internal int Passed { get; set; }

        internal int Failed { get; set; }

        internal List<string> Unclaimed { get; } = [];

        internal Comparison Worst { get; set; } = Comparison.None;
    }
}
