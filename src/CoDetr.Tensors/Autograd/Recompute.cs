namespace CoDetr.Tensors;

/// <summary>Trades time for memory: what a function computes inside is forgotten after forward and computed again in backward.</summary>
public static class Recompute
{
    /// <summary>Runs <paramref name="function"/> and keeps only its output.</summary>
    /// <param name="inputs">The tensors whose gradients pass through.</param>
    /// <param name="function">Pure: the second run must compute the same.</param>
    /// <param name="parameters">Leaves that the function reads; their gradients are added during the second run.</param>
    /// <returns>The function's output.</returns>
    public static Tensor Run(Tensor[] inputs, Func<Tensor[], Tensor> function, IEnumerable<Tensor> parameters)
    {
        Tensor output;
        using (StepScope inner = StepScope.Begin())
        using (NoGrad.Begin())
        {
            output = inner.HandOver(function(inputs));
        }

        Tensor[] leaves = [.. parameters];
        return GradNode.Record(nameof(Recompute), output.Detach(), [.. inputs, .. leaves], dy =>
        {
            using StepScope inner = StepScope.Begin();
            using NoGrad recorded = NoGrad.Lift();
            Tensor[] again = [.. inputs.Select(input => input.Detach())];
            for (int i = 0; i < again.Length; i++)
            {
                again[i].RequiresGrad = inputs[i].RequiresGrad;
            }

            function(again).Backward(dy);
            Tensor?[] gradients = new Tensor?[inputs.Length + leaves.Length];
            for (int i = 0; i < again.Length; i++)
            {
                gradients[i] = Backpropagation.TakeGrad(again[i]) is Tensor grad ? inner.HandOver(grad) : null;
            }

            foreach (Tensor leaf in leaves.Where(leaf => leaf.Grad is not null))
            {
                inner.HandOver(leaf.Grad!);
            }

            return gradients;
        });
    }
}
