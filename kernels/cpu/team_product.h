// A small matrix product of numbers in a team's scratch. On the CPU: tiles of c in registers, eight columns to a vector.
#pragma once

#include <string.h>

#if defined(__clang__)
#define UNROLL_ALL _Pragma("clang loop unroll(full)")
#else
#define UNROLL_ALL _Pragma("GCC unroll 16")
#endif

template <class T>
struct Eight {
    typedef T Numbers __attribute__((vector_size(8 * sizeof(T))));
};

template <int Rows, int Vecs, class T>
inline __attribute__((always_inline)) void product_tile(int k, T* c, int c_row, const T* a, int a_row, int a_column, const T* b, int b_row,
                                                        bool adds) {
    typename Eight<T>::Numbers sum[Rows][Vecs] = {};
    if (adds) { UNROLL_ALL for (int i = 0; i < Rows; ++i) memcpy(sum[i], c + i * c_row, sizeof sum[i]); }
    for (int p = 0; p < k; ++p) {
        typename Eight<T>::Numbers row[Vecs];
        memcpy(row, b + p * b_row, sizeof row);
        UNROLL_ALL for (int i = 0; i < Rows; ++i) {
            const T factor = a[i * a_row + p * a_column];
            UNROLL_ALL for (int v = 0; v < Vecs; ++v) sum[i][v] += factor * row[v];
        }
    }
    UNROLL_ALL for (int i = 0; i < Rows; ++i) memcpy(c + i * c_row, sum[i], sizeof sum[i]);
}

template <int Rows, class T>
inline void product_rows(int n, int k, T* c, int c_row, const T* a, int a_row, int a_column, const T* b, int b_row, bool adds) {
    int j = 0;
    for (; j + 16 <= n; j += 16) product_tile<Rows, 2>(k, c + j, c_row, a, a_row, a_column, b + j, b_row, adds);
    if (j < n) product_tile<Rows, 1>(k, c + j, c_row, a, a_row, a_column, b + j, b_row, adds);
}

// c[i * c_row + j] = sum over p < k of a[i * a_row + p * a_column] * b[p * b_row + j] for i < m, j < n, added to what is there if `adds`. n
// is a multiple of 8.
template <class T>
inline void team_product(int m, int n, int k, T* c, int c_row, const T* a, int a_row, int a_column, const T* b, int b_row, bool adds) {
    int i = 0;
    for (; i + 6 <= m; i += 6) product_rows<6>(n, k, c + i * c_row, c_row, a + i * a_row, a_row, a_column, b, b_row, adds);
    for (; i + 2 <= m; i += 2) product_rows<2>(n, k, c + i * c_row, c_row, a + i * a_row, a_row, a_column, b, b_row, adds);
    if (i < m) product_rows<1>(n, k, c + i * c_row, c_row, a + i * a_row, a_row, a_column, b, b_row, adds);
}
