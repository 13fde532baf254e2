namespace CoDetr.Tensors;

/// <summary>Places in a flattened matrix.</summary>
public static class PairsOp
{
    private static readonly Kernel Split = new("pairs.cu", "pairs_split");

    extension(Tensor place)
    {
        /// <summary>Row and column of each place, i32, in a flattened matrix: which query, which class. A negative place has row and column -1.</summary>
        /// <param name="columns">Of the matrix.</param>
        /// <returns><c>i32[...]</c>, twice the same shape</returns>
        public (Tensor Rows, Tensor Columns) SplitPairs(int columns)
        {
            Check.Type(place, DType.I32);
            Check.That(columns > 0, $"a matrix has at least one column, got {columns}.");
            Tensor row = place.Like(), column = place.Like();
            place.Device.Launch(Split, Work.Elements(place.Count, 8), row, column, place, place.Count, columns);
            return (row, column);
        }
    }
}
