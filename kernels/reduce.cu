#include "kernel.h"

// Sums over the middle of [outer, count, inner], in runs of at most `run` rows: to [outer, runs, inner]. Long sums take several rounds, so
// that all workers have work and rounding errors do not grow with the length; the order of additions never depends on the number of
// workers.
template <class To, class From>
FN void sum_runs(To* RESTRICT y, const From* RESTRICT x, index_t outer, index_t count, index_t inner, int run, int block, double scale) {
    const index_t runs = m_max((count + run - 1) / run, (index_t)1), blocks = (inner + block - 1) / block;
    TEAM_LOOP (t, outer * runs * blocks) {
        const index_t row = blocks == 1 ? t : t / blocks, at = (t - row * blocks) * block;
        const index_t o = runs == 1 ? row : row / runs, begin = (row - o * runs) * run, end = m_min(count, begin + run);
        const From* xr = x + (o * count + begin) * inner + at;
        To* yr = y + row * inner + at;
        if (inner == 1) {
            const acc s = team_sum((int)(end - begin), [&](int r) { return (acc)xr[r]; });
            LANE_ZERO yr[0] = (To)(s * (acc)scale);
            continue;
        }
        const int n = (int)m_min((index_t)block, inner - at);
        TEAM_SCRATCH(acc, sum, n);
        LANE_LOOP (i, n) sum[i] = 0;
        index_t r = begin;
        for (; r + 4 <= end; r += 4, xr += 4 * inner) {
            const From *x1 = xr + inner, *x2 = x1 + inner, *x3 = x2 + inner;
            LANE_LOOP (i, n) sum[i] += ((acc)xr[i] + (acc)x1[i]) + ((acc)x2[i] + (acc)x3[i]);
        }
        for (; r < end; ++r, xr += inner) {
            LANE_LOOP (i, n) sum[i] += (acc)xr[i];
        }
        LANE_LOOP (i, n) yr[i] = (To)(sum[i] * (acc)scale);
    }
}
KERNEL(reduce_sum, real* y, const real* x, index_t outer, index_t count, index_t inner, int run, int block, double scale) {
    sum_runs(y, x, outer, count, inner, run, block, scale);
}
KERNEL(reduce_sum_to_partial, acc* y, const real* x, index_t outer, index_t count, index_t inner, int run, int block, double scale) {
    sum_runs(y, x, outer, count, inner, run, block, scale);
}
KERNEL(reduce_sum_from_partial, real* y, const acc* x, index_t outer, index_t count, index_t inner, int run, int block, double scale) {
    sum_runs(y, x, outer, count, inner, run, block, scale);
}

// The largest over the middle of [outer, count, inner] and its first place; NaN never wins. A row without a number above -infinity has
// place 0.
KERNEL(reduce_max, real* y, int* place, const real* x, index_t outer, int count, index_t inner, int block) {
    const index_t blocks = (inner + block - 1) / block;
    TEAM_LOOP (t, outer * blocks) {
        const index_t o = t / blocks, at = (t - o * blocks) * block;
        const int n = (int)m_min((index_t)block, inner - at);
        const real* xr = x + o * count * inner + at;
        real* yr = y + o * inner + at;
        int* pr = place + o * inner + at;
        if (inner == 1) {
            const int first = m_max(team_min_index<acc>(count, [&](int r) { return -(acc)xr[r]; }).index, 0);
            LANE_ZERO {
                pr[0] = first;
                yr[0] = xr[first];
            }
            continue;
        }
        LANE_LOOP (i, n) {
            yr[i] = xr[i];
            pr[i] = 0;
        }
        for (int r = 1; r < count; ++r) {
            const real* next = xr + r * inner;
            LANE_LOOP (i, n) {
                const bool better = (acc)next[i] > (acc)yr[i] || ((acc)yr[i] != (acc)yr[i] && (acc)next[i] == (acc)next[i]);
                yr[i] = better ? next[i] : yr[i];
                pr[i] = better ? r : pr[i];
            }
        }
    }
}

// dx[o, place[o, i], i] = dy[o, i], elsewhere 0.
KERNEL(reduce_max_backward, real* dx, const real* dy, const int* place, index_t outer, int count, index_t inner, int block) {
    const index_t blocks = (inner + block - 1) / block;
    TEAM_LOOP (t, outer * blocks) {
        const index_t o = t / blocks, at = (t - o * blocks) * block;
        const int n = (int)m_min((index_t)block, inner - at);
        if (inner == 1) {
            LANE_LOOP (r, count) dx[o * count + r] = r == place[o] ? dy[o] : (real)0;
            continue;
        }
        for (int r = 0; r < count; ++r) {
            real* to = dx + (o * count + r) * inner + at;
            LANE_LOOP (i, n) to[i] = r == place[o * inner + at + i] ? dy[o * inner + at + i] : (real)0;
        }
    }
}
