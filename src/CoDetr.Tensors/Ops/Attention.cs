namespace CoDetr.Tensors;

/// <summary>Multi-head attention: softmax(q kᵀ / √d) v, in chunks, so that memory does not grow with queries × keys.</summary>
public static class AttentionOp
{
    private static readonly Kernel Softmax = new("attention.cu", "attention_softmax");
    private static readonly Kernel SoftmaxBackward = new("attention.cu", "attention_softmax_backward");
    private static readonly Kernel BiasBackward = new("attention.cu", "attention_bias_backward");

    extension(Tensor)
    {
        /// <summary>Each query takes the mean of the values, weighted by the softmax of its products with the keys, head by head.</summary>
        /// <param name="query"><c>real[batch, queries, width]</c>; head h is channels [h · width / heads, (h + 1) · width / heads)</param>
        /// <param name="key"><c>real[batch, keys, width]</c></param>
        /// <param name="value"><c>real[batch, keys, width]</c></param>
        /// <param name="heads">How many slices of the width attend on their own.</param>
        /// <param name="blocked">
        /// <c>u8[queries, keys]</c>, <c>[batch, queries, keys]</c> or <c>[batch · heads, queries, keys]</c>: 1 hides a key from a query; or null</param>
        /// <param name="padded"><c>u8[batch, keys]</c>: 1 hides a key from all; or null</param>
        /// <param name="bias">
        /// <c>f32[queries, keys]</c>, <c>[heads, queries, keys]</c> or <c>[batch · heads, queries, keys]</c>, added to the products; or null</param>
        /// <returns><c>real[batch, queries, width]</c>; zeros for a query from which every key is hidden</returns>
        public static Tensor Attention(
            Tensor query, Tensor key, Tensor value, int heads, Tensor? blocked = null, Tensor? padded = null, Tensor? bias = null)
        {
            AttentionPlan plan = new(query, key, value, heads, blocked, padded, bias);
            Tensor output = query.Like(), largest = plan.NewRows(), scale = plan.NewRows();
            Tensor scores = plan.NewChunk();
            foreach (AttentionChunk chunk in plan.Chunks())
            {
                plan.Multiply(chunk, plan.Rows(query, chunk), plan.Keys(key, chunk), plan.Scores(scores, chunk), plan.InverseRoot, transposeB: true);
                query.Device.Launch(Softmax, plan.Work(chunk), [scores, largest, scale, .. plan.Arguments(chunk)]);
                plan.Multiply(chunk, plan.Scores(scores, chunk), plan.Keys(value, chunk), plan.Rows(output, chunk));
            }

            scores.Dispose();
            return GradNode.Record(nameof(Attention), output, [query, key, value, bias], doutput =>
            {
                Tensor dquery = query.Like(), dkey = plan.NewSums(key), dvalue = plan.NewSums(value);
                Tensor? dbias = bias is { RequiresGrad: true } ? bias.NewZeros([.. bias.Shape]) : null;
                Tensor p = plan.NewChunk(), dp = plan.NewChunk();
                foreach (AttentionChunk chunk in plan.Chunks())
                {
                    bool adds = chunk.Query > 0; // keys were met by earlier queries
                    plan.Multiply(chunk, plan.Rows(query, chunk), plan.Keys(key, chunk), plan.Scores(p, chunk), plan.InverseRoot, transposeB: true);
                    plan.Multiply(chunk, plan.Rows(doutput, chunk), plan.Keys(value, chunk), plan.Scores(dp, chunk), transposeB: true);
                    query.Device.Launch(SoftmaxBackward, plan.Work(chunk), [p, dp, largest, scale, .. plan.Arguments(chunk)]);
                    plan.Multiply(chunk, plan.Scores(p, chunk), plan.Rows(doutput, chunk), plan.Keys(dvalue, chunk), transposeA: true, adds: adds);
                    plan.Multiply(chunk, plan.Scores(dp, chunk), plan.Keys(key, chunk), plan.Rows(dquery, chunk), plan.InverseRoot);
                    plan.Multiply(
                        chunk, plan.Scores(dp, chunk), plan.Rows(query, chunk), plan.Keys(dkey, chunk), plan.InverseRoot, transposeA: true, adds: adds);
                    if (dbias is not null)
                    {
                        query.Device.Launch(
                            BiasBackward, plan.BiasWork(chunk), dbias, dp, plan.BiasImage, plan.BiasHead,
                            chunk.Images, chunk.Heads, chunk.Queries, plan.KeyCount, chunk.Image, chunk.Head, chunk.Query);
                    }
                }

                return [dquery, dkey.Cast(key.DType), dvalue.Cast(value.DType), dbias];
            });
        }

        /// <summary>The weights themselves, for looking at: what <c>Attention</c> multiplies the values with. Not differentiated.</summary>
        /// <returns><c>f32[batch, heads, queries, keys]</c></returns>
        public static Tensor AttentionWeights(
            Tensor query, Tensor key, int heads, Tensor? blocked = null, Tensor? padded = null, Tensor? bias = null)
        {
            AttentionPlan plan = new(query, key, key, heads, blocked, padded, bias);
            AttentionChunk all = new(0, plan.Images, 0, heads, 0, plan.Queries);
            Tensor weights = Tensor.Empty([plan.Images, heads, plan.Queries, plan.KeyCount], device: query.Device);
            Tensor largest = plan.NewRows(), scale = plan.NewRows();
            plan.Multiply(all, plan.Rows(query, all), plan.Keys(key, all), plan.Scores(weights, all), plan.InverseRoot, transposeB: true);
            query.Device.Launch(Softmax, plan.Work(all), [weights, largest, scale, .. plan.Arguments(all)]);
            return weights;
        }
    }
}
