using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

[Collection(Alone.Name)]
public sealed class OptimizerSetupTests
{
    private static readonly ParameterRule[] Rules = [new("backbone", 0.1), new("sampling_offsets", 0.5, 0), new("head.sampling", 0.2)];

    [Theory]
    [InlineData("backbone.layer1.0.conv1.weight", 0.1, 1)]
    [InlineData("backbone.sampling_offsets.bias", 0.5, 0)]
    [InlineData("query_head.cls_branches.0.weight", 1, 1)]
    public void TheLongestKeyWins(string name, double rate, double decay) =>
        Assert.Equal((rate, decay), (ParameterRule.For(Rules, name).LearningRate, ParameterRule.For(Rules, name).WeightDecay));

    [Fact]
    public void AScheduleDropsAtItsMilestones()
    {
        LearningRateSchedule schedule = new() { Rate = 5e-4, Milestones = [3, 5] };
        Assert.Equal([5e-4, 5e-4, 5e-4, 5e-5, 5e-5, 5e-6], Enumerable.Range(0, 6).Select(epoch => schedule.At(epoch, 100 * epoch)), Close);
    }

    [Fact]
    public void AWarmUpIsLinear()
    {
        LearningRateSchedule schedule = new() { Rate = 1, WarmupSteps = 500, WarmupRatio = 0.01 };
        Assert.Equal([0.01, 0.505, 1.0], new[] { 0L, 250, 500 }.Select(step => schedule.At(0, step)), Close);
    }

    [Fact]
    public void AnotherNumberOfEpochsMovesTheMilestones() =>
        Assert.Equal([6], RecipeBook.DigitsTiny.WithEpochs(8).Schedule.Milestones);

    [Fact]
    public void GatheringChangesNoValue()
    {
        using ToyModel model = new();
        Dictionary<string, float[]> before = model.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Export());
        using FlatParameters flat = new(model);
        Assert.All(model.NamedParameters(), p => Assert.Equal(before[p.Name], p.Parameter.Export()));
        Assert.Equal(4, flat.TrainedParameters);
        Assert.All(flat.Starts.ToArray(), start => Assert.Equal(0, start % OptimizerOp.Block));
        Assert.Equal(["backbone.frozen", "norm.running"], flat.Ordered.Skip(4).Select(p => p.Name));
    }

    [Fact]
    public void GradientsFlowIntoTheFlatBuffer()
    {
        using ToyModel model = new(), alone = new();
        using FlatParameters flat = new(model);
        foreach (ToyModel one in new[] { model, alone })
        {
            using StepScope scope = StepScope.Begin();
            ImageBatch images = new(Tensor.From([.. Enumerable.Range(0, 2 * 64 * 64 * 3).Select(i => MathF.Sin(i))], [2, 64, 64, 3]), [new(64, 64), new(64, 64)]);
            one.Losses(images, Truth.From([[0, 0, 9, 9], []], [[0], []]), CoDetr.Detection.Draws.Given(new Dictionary<string, Tensor>())).Total.Backward();
            if (one == alone)
            {
                float[] together = flat.Gradients.ToArray();
                for (int i = 0; i < flat.TrainedParameters; i++)
                {
                    float[] own = alone.NamedParameters().Single(p => p.Name == flat.Ordered[i].Name).Parameter.Value.Grad!.ToArray();
                    Assert.Equal(own, together[(int)flat.Starts[i]..((int)flat.Starts[i] + own.Length)]);
                }
            }
        }
    }

    [Fact]
    public void AnAverageFollowsTheFormula()
    {
        using ToyModel model = new();
        using FlatParameters flat = new(model);
        using MovingAverage average = new(flat);
        float[] start = flat.Values.ToArray(), raised = [.. start.Select(v => v + 1)];
        flat.Values.Set<float>(raised);
        average.Update(new UpdateNumbers(0, AverageShare: MovingAverage.ShareAfter(0)).Upload(Device.Default), Tensor.From(1f));
        double share = ((1 - 1e-4) * Math.Exp(-1 / 2000.0)) + 1e-4;
        Assert.Equal(start.Select(v => v + share), average.Values.ToArray().Select(v => (double)v), (a, b) => Math.Abs(a - b) < 1e-5);
        using (average.Swap())
        {
            Assert.Equal(average.Values.ToArray(), flat.Values.ToArray());
        }

        Assert.Equal(raised, flat.Values.ToArray());
    }

    private static bool Close(double a, double b) => Math.Abs(a - b) <= 1e-12;
}
