namespace CoDetr.Bench;

/// <summary>The assignment problem in plain C#, as textbooks write it: shortest augmenting paths with potentials, O(rows² · columns).</summary>
internal static class PlainHungarian
{
    /// <summary>Gives each row a column of its own at the least total cost.</summary>
    /// <param name="cost">Row by row.</param>
    /// <param name="rows">At most <paramref name="columns"/>.</param>
    /// <param name="columns">Candidates of each row.</param>
    /// <returns>The row of each column, or -1.</returns>
    internal static int[] Solve(ReadOnlySpan<float> cost, int rows, int columns)
    {
        double[] rowPotential = new double[rows], columnPotential = new double[columns + 1], shortest = new double[columns];
        int[] rowOf = new int[columns + 1], before = new int[columns]; // column `columns` is where a path begins
        bool[] visited = new bool[columns + 1];
        Array.Fill(rowOf, -1);
        for (int start = 0; start < rows; start++)
        {
            Array.Fill(shortest, double.PositiveInfinity);
            Array.Clear(visited);
            int column = columns;
            rowOf[columns] = start;
            while (rowOf[column] >= 0)
            {
                visited[column] = true;
                int row = rowOf[column], next = -1;
                double step = double.PositiveInfinity;
                for (int j = 0; j < columns; j++)
                {
                    if (visited[j])
                    {
                        continue;
                    }

                    double reduced = cost[row * columns + j] - rowPotential[row] - columnPotential[j];
                    if (reduced < shortest[j])
                    {
                        (shortest[j], before[j]) = (reduced, column);
                    }

                    if (shortest[j] < step)
                    {
                        (step, next) = (shortest[j], j);
                    }
                }

                for (int j = 0; j <= columns; j++)
                {
                    if (visited[j])
                    {
                        rowPotential[rowOf[j]] += step;
                        columnPotential[j] -= step;
                    }
                    else if (j < columns)
                    {
                        shortest[j] -= step;
                    }
                }

                column = next;
            }

            for (; column != columns; column = before[column])
            {
                rowOf[column] = rowOf[before[column]];
            }
        }

        return rowOf[..columns];
    }
}
