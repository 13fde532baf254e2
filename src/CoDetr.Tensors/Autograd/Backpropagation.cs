namespace CoDetr.Tensors;

/// <summary>The backward walk: the recorded ops in reverse order, gradients added where paths meet, memory returned as it goes.</summary>
public static class Backpropagation
{
    /// <summary>Storages made since the walk began hold gradients and nothing else; only those may be freed when a gradient is used up.</summary>
    [ThreadStatic]
    private static long walkBegan;

    extension(Tensor loss)
    {
        /// <summary>
        /// Computes the gradient of this scalar (or of the sum of this tensor's elements times <paramref name="gradient"/>) with respect to every leaf that requires one.
        /// A leaf that already has a gradient gets the new one added. Activations are freed during the walk; what is read later is kept with <see cref="StepScope.Keep"/>.
        /// </summary>
        /// <param name="gradient">The gradient to start from, the shape of this tensor; ones for a scalar if null.</param>
        public void Backward(Tensor? gradient = null)
        {
            if (loss.Node is null)
            {
                throw new InvalidOperationException("Backward: the tensor was not computed by recorded ops from anything that requires a gradient.");
            }

            if (gradient is null && loss.Count != 1)
            {
                throw new ShapeException($"Backward: a tensor of shape {loss.Shape} needs a gradient to start from.");
            }

            using NoGrad off = NoGrad.Begin();
            GradNode last = loss.Node;
            long outerWalk = walkBegan;
            walkBegan = Storage.LastOrder;
            Accumulate(loss, gradient ?? loss.Like().Fill(1), owned: gradient is null);
            foreach (GradNode node in Reachable(last))
            {
                Step(node, freeForward: node != last);
            }

            walkBegan = outerWalk;
        }
    }

    /// <summary>A gradient buffer of <paramref name="tensor"/> that a backward may add to in place, so that slices need no padded copies.</summary>
    internal static Tensor GradBuffer(Tensor tensor)
    {
        if (tensor.Grad is null)
        {
            Hold(tensor, Tensor.Zeros(tensor.Shape, tensor.DType, tensor.Device), owned: true);
        }
        else if (!tensor.OwnsGrad)
        {
            Tensor shared = tensor.Grad, own = shared.Like();
            own.Device.Copy(shared.Pointer, own.Pointer, own.Count * own.DType.Size);
            Release(shared);
            Hold(tensor, own, owned: true);
        }

        return tensor.Grad!;
    }

    /// <summary>Takes the gradient away from a tensor that will not be asked for it again.</summary>
    internal static Tensor? TakeGrad(Tensor tensor)
    {
        Tensor? grad = tensor.Grad;
        if (grad is not null)
        {
            tensor.Grad = null;
            grad.Storage.Holders--;
        }

        return grad;
    }

    private static List<GradNode> Reachable(GradNode last)
    {
        HashSet<GradNode> seen = [last];
        Stack<GradNode> open = new([last]);
        List<GradNode> nodes = [];
        while (open.TryPop(out GradNode? node))
        {
            nodes.Add(node);
            foreach (Tensor input in node.Inputs)
            {
                if (input.Node is GradNode next && seen.Add(next))
                {
                    open.Push(next);
                }
            }
        }

        nodes.Sort((a, b) => b.Order.CompareTo(a.Order));
        return nodes;
    }

    private static void Step(GradNode node, bool freeForward)
    {
        Func<Tensor, Tensor?[]> backward = node.Backward
            ?? throw new InvalidOperationException($"Backward: {node.Op} was already walked; its activations are gone.");
        node.Backward = null;
        using Stage stage = Stage.Of(node.Stage);
        node.Output.Node = null;
        if (node.Output.Grad is Tensor dy)
        {
            StepScope? scope = StepScope.Current;
            int mark = scope?.Mark ?? 0;
            node.Output.Grad = null;
            Tensor?[] gradients = backward(dy);
            for (int i = 0; i < node.Inputs.Length; i++)
            {
                if (gradients[i] is Tensor dx && node.Inputs[i].RequiresGrad)
                {
                    Tensor x = node.Inputs[i];
                    Check.That(dx.Shape == x.Shape && dx.DType == x.DType, $"the gradient of input {i} of {node.Op} is {dx}, not {x}.");
                    OpWatch.Current?.Invoke(node.Op, true, dx);
                    bool isNew = dx.Storage != dy.Storage || node.Output.OwnsGrad;
                    Accumulate(node.Inputs[i], dx, owned: isNew && gradients.Count(g => g?.Storage == dx.Storage) == 1 && dx.Storage.Order > walkBegan);
                }
            }

            Release(dy);
            scope?.FreeBetween(mark, scope.Mark);
        }

        if (freeForward)
        {
            node.Scope?.FreeBetween(node.Begin, node.End);
        }
    }

    private static void Accumulate(Tensor tensor, Tensor gradient, bool owned)
    {
        if (tensor.Grad is null)
        {
            Hold(tensor, gradient, owned);
        }
        else if (tensor.OwnsGrad)
        {
            tensor.Grad.AddInPlace(gradient);
        }
        else
        {
            Tensor shared = tensor.Grad;
            Tensor sum = shared.Like();
            sum.Device.Copy(shared.Pointer, sum.Pointer, sum.Count * sum.DType.Size);
            sum.AddInPlace(gradient);
            Release(shared);
            Hold(tensor, sum, owned: true);
        }
    }

    private static void Hold(Tensor tensor, Tensor gradient, bool owned)
    {
        gradient.Storage.Holders++;
        (tensor.Grad, tensor.OwnsGrad) = (gradient, owned);
    }

    private static void Release(Tensor gradient)
    {
        if (--gradient.Storage.Holders == 0 && !gradient.Storage.IsKept && gradient.Storage.Order > walkBegan)
        {
            gradient.Storage.Free();
        }
    }
}
