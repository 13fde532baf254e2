namespace CoDetr.Tensors;

/// <summary>The fully connected layer.</summary>
public static class LinearOp
{
    extension(Tensor x)
    {
        /// <summary><c>activation(x weightᵀ + bias + residual)</c> over the last dimension, in one pass.</summary>
        /// <param name="weight"><c>f32[outputs, inputs]</c></param>
        /// <param name="bias"><c>f32[outputs]</c>, or null</param>
        /// <param name="activation">Applied last.</param>
        /// <param name="residual"><c>real[..., outputs]</c>, like the result, or null; added before the activation.</param>
        /// <param name="output">The result's type; that of this tensor if null. Boxes, logits and sampling points are f32 whatever is stored.</param>
        /// <returns><c>real[..., outputs]</c></returns>
        public Tensor Linear(Tensor weight, Tensor? bias = null, Activation activation = Activation.None, Tensor? residual = null, DType? output = null)
        {
            Check.Rank(weight, 2);
            int inputs = weight.Shape[1], outputs = weight.Shape[0];
            Check.That(x.Shape.Length > 0 && x.Shape[^1] == inputs, $"x must be [..., inputs] = [..., {inputs}], got {x.Shape}.");
            Shape shape = x.Shape.With(x.Shape.Length - 1, outputs);
            if (bias is not null)
            {
                Check.Shape(bias, [outputs]);
            }

            if (residual is not null)
            {
                Check.Shape(residual, shape);
                Check.Type(residual, output ?? x.DType);
            }

            if (activation > Activation.Relu && GradNode.Records(x, weight, bias, residual))
            {
                return Epilogue.Activate(x.Linear(weight, bias, Activation.None, residual, output), activation);
            }

            Tensor y = Tensor.Empty(shape, output ?? x.DType, x.Device);
            x.Device.Gemm(Product.Of(Product.Rows(x), false, weight, true, Product.Rows(y)) with
            {
                Bias = bias?.Pointer ?? 0,
                Residual = residual?.Pointer ?? 0,
                Activation = activation,
            });
            return GradNode.Record(nameof(Linear), y, [x, weight, bias, residual], dy =>
            {
                (Tensor dz, Tensor? dbias) = Epilogue.Gradients(dy, activation == Activation.Relu ? y : null, bias);
                return
                [
                    x.RequiresGrad ? Product.Gradient(x, dx => Product.Of(Product.Rows(dz), false, weight, false, Product.Rows(dx))) : null,
                    weight.RequiresGrad ? Product.Gradient(weight, dweight => Product.Of(Product.Rows(dz), true, Product.Rows(x), false, dweight)) : null,
                    dbias,
                    dz,
                ];
            });
        }
    }
}
