using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Queries of one purpose on their way into the decoder; groups lie behind each other and do not see each other.</summary>
/// <param name="Name">What the names of its losses get: before the name for denoising, behind it for auxiliary heads.</param>
/// <param name="Content"><c>real[batch, queries, width]</c></param>
/// <param name="Position"><c>real[batch, queries, width]</c>; null where the decoder makes it from the boxes.</param>
/// <param name="Reference">Start boxes, no gradient: unit <c>f32[batch, queries, 4]</c>.</param>
/// <param name="Assignment">The objects that the queries answer for; null where they are matched layer by layer.</param>
/// <param name="Span">How the group lies among the others.</param>
internal sealed record QueryGroup(GroupName Name, Tensor Content, Tensor? Position, Tensor Reference, Assignment? Assignment, QuerySpan Span)
{
    /// <summary>The groups' contents, positions and boxes behind each other.</summary>
    internal static (Tensor Content, Tensor? Position, Tensor Reference) Join(IReadOnlyList<QueryGroup> groups) => groups.Count == 1
        ? (groups[0].Content, groups[0].Position, groups[0].Reference)
        : (
            Tensor.Concat(1, [.. groups.Select(group => group.Content)]),
            groups[0].Position is null ? null : Tensor.Concat(1, [.. groups.Select(group => group.Position!)]),
            Tensor.Concat(1, [.. groups.Select(group => group.Reference)]));
}

/// <summary>Prefix and suffix of the names of a group's losses; main queries have neither, auxiliary ones a suffix.</summary>
internal readonly record struct GroupName(string? Prefix = null, string? Suffix = null);
