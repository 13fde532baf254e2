// A small matrix product of numbers in a team's scratch. On the GPU: a lane has four rows of a column at a time.
#pragma once

// c[i * c_row + j] = sum over p < k of a[i * a_row + p * a_column] * b[p * b_row + j] for i < m, j < n, added to what is there if `adds`. n
// is a multiple of 8.
template <class T>
FN void team_product(int m, int n, int k, T* c, int c_row, const T* a, int a_row, int a_column, const T* b, int b_row, bool adds) {
    LANE_LOOP (t, (m + 3) / 4 * n) {
        const int first = t / n * 4, j = t % n;
        int row[4];
        T sum[4];
        UNROLL for (int i = 0; i < 4; ++i) {
            row[i] = (first + i < m ? first + i : m - 1) * a_row;
            sum[i] = 0;
        }
        for (int p = 0; p < k; ++p) {
            const T x = b[p * b_row + j];
            UNROLL for (int i = 0; i < 4; ++i) sum[i] += a[row[i] + p * a_column] * x;
        }
        UNROLL for (int i = 0; i < 4; ++i) {
            T* to = c + (first + i) * c_row + j;
            if (first + i < m) *to = adds ? *to + sum[i] : sum[i];
        }
    }
}
