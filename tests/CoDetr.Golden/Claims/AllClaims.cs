namespace CoDetr.Golden.Claims;

/// <summary>Every claim, one line a file. The first that fits a case is taken.</summary>
internal static class AllClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        .. AttentionClaims.List,
        .. BackboneClaims.List,
        .. SwinClaims.List,
        .. VisionTransformerClaims.List,
        .. ParameterNameClaims.List,
        .. TransformerClaims.List,
        .. DinoClaims.List,
        .. HeadClaims.List,
        .. RegionClaims.List,
        .. DenseHeadClaims.List,
        .. ModelClaims.List,
        .. ModelClaims.List,
        .. MatchingClaims.List,
        .. PriorClaims.List,
        .. AssignerClaims.List,
        .. AssignmentClaims.List,
        .. PositiveQueryClaims.List,
        .. SuppressionClaims.List,
        .. RoiClaims.List,
        .. ConvolutionClaims.List,
        .. NormClaims.List,
        .. SamplingClaims.List,
        .. DeformAttnClaims.List,
        .. ElementwiseClaims.List,
        .. PositionClaims.List,
        .. LossClaims.List,
        .. OptimizerClaims.List,
        .. PipelineClaims.List,
        .. CocoEvalClaims.List,
        .. CheckpointClaims.List,
    ];
}
