#include "kernel.h"

// Copies that change places only. Elements of one byte have kernels of their own; other types are copied by their bits.

// `outer` runs of `run` consecutive elements, from every x_stride-th to every y_stride-th; long runs are cut into pieces.
template <class T, class F>
FN void each_run(index_t outer, index_t run, int piece, F f) {
    const index_t pieces = (run + piece - 1) / piece;
    TEAM_LOOP (t, outer * pieces) {
        const index_t o = pieces == 1 ? t : t / pieces, at = (t - o * pieces) * piece;
        f(o, at, (int)m_min((index_t)piece, run - at));
    }
}
template <class T>
FN void copy_runs(T* RESTRICT y, const T* RESTRICT x, index_t outer, index_t run, int piece, index_t y_offset, index_t y_stride,
                  index_t x_offset, index_t x_stride) {
    each_run<T>(outer, run, piece, [&](index_t o, index_t at, int n) {
        T* RESTRICT yr = y + y_offset + o * y_stride + at;
        const T* RESTRICT xr = x + x_offset + o * x_stride + at;
        LANE_LOOP (i, n) yr[i] = xr[i];
    });
}
KERNEL(copy_run, real* y, const real* x, index_t outer, index_t run, int piece, index_t y_offset, index_t y_stride, index_t x_offset,
       index_t x_stride) {
    copy_runs(y, x, outer, run, piece, y_offset, y_stride, x_offset, x_stride);
}
KERNEL(copy_run_bytes, uint8_t* y, const uint8_t* x, index_t outer, index_t run, int piece, index_t y_offset, index_t y_stride,
       index_t x_offset, index_t x_stride) {
    copy_runs(y, x, outer, run, piece, y_offset, y_stride, x_offset, x_stride);
}
KERNEL(copy_run_add, real* y, const real* x, index_t outer, index_t run, int piece, index_t y_offset, index_t y_stride, index_t x_offset,
       index_t x_stride) {
    each_run<real>(outer, run, piece, [&](index_t o, index_t at, int n) {
        real* RESTRICT yr = y + y_offset + o * y_stride + at;
        const real* RESTRICT xr = x + x_offset + o * x_stride + at;
        LANE_LOOP (i, n) yr[i] = (real)((acc)yr[i] + (acc)xr[i]);
    });
}

// y[a, b, c, d, i] = x[a · a_stride + b · b_stride + c · c_stride + d · d_stride + i]: a permutation that keeps the last axis last.
template <class T>
FN void permute_rows(T* RESTRICT y, const T* RESTRICT x, index_t sizes_a, int sizes_b, int sizes_c, int sizes_d, index_t a_stride,
                     index_t b_stride, index_t c_stride, index_t d_stride, int inner) {
    TEAM_LOOP (t, sizes_a * sizes_b * sizes_c * sizes_d) {
        const index_t abc = sizes_d == 1 ? t : t / sizes_d, ab = sizes_c == 1 ? abc : abc / sizes_c, a = sizes_b == 1 ? ab : ab / sizes_b;
        const T* RESTRICT xr =
            x + a * a_stride + (ab - a * sizes_b) * b_stride + (abc - ab * sizes_c) * c_stride + (t - abc * sizes_d) * d_stride;
        T* RESTRICT yr = y + t * inner;
        LANE_LOOP (i, inner) yr[i] = xr[i];
    }
}
KERNEL(copy_permute_rows, real* y, const real* x, index_t a, int b, int c, int d, index_t a_stride, index_t b_stride, index_t c_stride,
       index_t d_stride, int inner) {
    permute_rows(y, x, a, b, c, d, a_stride, b_stride, c_stride, d_stride, inner);
}
KERNEL(copy_permute_rows_bytes, uint8_t* y, const uint8_t* x, index_t a, int b, int c, int d, index_t a_stride, index_t b_stride,
       index_t c_stride, index_t d_stride, int inner) {
    permute_rows(y, x, a, b, c, d, a_stride, b_stride, c_stride, d_stride, inner);
}

// A permutation that moves the last axis: y[a, b, j, i] = x[a, b, i, j] with strides of x for a, b, i and of y for a, b, j. A team turns
// one tile of `tile` × `tile` through its scratch, so that reads and writes both run along rows.
template <class T>
FN void permute_tiles(T* RESTRICT y, const T* RESTRICT x, index_t a_size, int b_size, int rows, int columns, index_t xa, index_t xb,
                      index_t xi, index_t ya, index_t yb, index_t yj, int tile) {
    const int down = (rows + tile - 1) / tile, across = (columns + tile - 1) / tile;
    TEAM_LOOP (t, a_size * b_size * down * across) {
        const index_t ab = t / (down * across), a = ab / b_size, b = ab - a * b_size;
        const int at = (int)(t - ab * down * across), i0 = at / across * tile, j0 = at % across * tile;
        const int height = m_min(tile, rows - i0), width = m_min(tile, columns - j0);
        TEAM_SCRATCH(T, turned, tile * (tile + 1));
        for (int i = 0; i < height; ++i) {
            const T* xr = x + a * xa + b * xb + (i0 + i) * xi + j0;
            LANE_LOOP (j, width) turned[j * (tile + 1) + i] = xr[j];
        }
        for (int j = 0; j < width; ++j) {
            T* yr = y + a * ya + b * yb + (j0 + j) * yj + i0;
            LANE_LOOP (i, height) yr[i] = turned[j * (tile + 1) + i];
        }
    }
}
KERNEL(copy_permute_tiles, real* y, const real* x, index_t a, int b, int rows, int columns, index_t xa, index_t xb, index_t xi, index_t ya,
       index_t yb, index_t yj, int tile) {
    permute_tiles(y, x, a, b, rows, columns, xa, xb, xi, ya, yb, yj, tile);
}
KERNEL(copy_permute_tiles_bytes, uint8_t* y, const uint8_t* x, index_t a, int b, int rows, int columns, index_t xa, index_t xb, index_t xi,
       index_t ya, index_t yb, index_t yj, int tile) {
    permute_tiles(y, x, a, b, rows, columns, xa, xb, xi, ya, yb, yj, tile);
}
