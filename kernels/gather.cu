#include "kernel.h"

// y[b, j, :] = x[b, index[b, j], :]; a negative index reads zeros.
KERNEL(gather_rows_forward, real* y, const real* x, const int* index,  // [batch, picks, inner], [batch, rows, inner], [batch, picks]
       index_t batch, int rows, int picks, int inner) {
    TEAM_LOOP (t, batch * picks) {
        const index_t b = t / picks;
        const int row = index[t];
        real* RESTRICT yr = y + t * inner;
        const real* RESTRICT xr = x + (b * rows + m_max(row, 0)) * inner;
        LANE_LOOP (i, inner) yr[i] = row < 0 ? (real)0 : xr[i];
    }
}

// dx[b, index[b, j], :] += dy[b, j, :]; dx starts as zeros. Teams are ordered (batch, block of channels, pick): one owner per place of dx.
KERNEL(gather_rows_backward, acc* dx, const real* dy, const int* index, index_t batch, int rows, int picks, int inner, int block) {
    const int blocks = (inner + block - 1) / block;
    TEAM_LOOP_OWNING (t, batch * blocks * picks, picks) {
        const index_t b = t / picks / blocks, j = t % picks;
        const int at = (int)(t / picks % blocks) * block, row = index[b * picks + j];
        if (row < 0) continue;
        acc* to = dx + (b * rows + row) * inner + at;
        const real* from = dy + (b * picks + j) * inner + at;
        LANE_LOOP (i, m_min(block, inner - at)) scatter_add(to + i, (acc)from[i]);
    }
}

// y[o, j, i] = x[o, index[o, j, i], i]; a negative index reads zero.
KERNEL(gather_axis_forward, real* y, const real* x,
       const int* index,  // [outer, picks, inner], [outer, count, inner], [outer, picks, inner]
       index_t outer, int count, int picks, int inner) {
    TEAM_LOOP (t, outer * picks) {
        const real* xo = x + t / picks * count * inner;
        LANE_LOOP (i, inner) {
            const int row = index[t * inner + i];
            y[t * inner + i] = row < 0 ? (real)0 : xo[(index_t)m_max(row, 0) * inner + i];
        }
    }
}

// dx[o, index[o, j, i], i] += dy[o, j, i]; dx starts as zeros.
KERNEL(gather_axis_backward, acc* dx, const real* dy, const int* index, index_t outer, int count, int picks, int inner) {
    TEAM_LOOP_OWNING (t, outer * picks, picks) {
        acc* to = dx + t / picks * count * inner;
        LANE_LOOP (i, inner) {
            const int row = index[t * inner + i];
            if (row >= 0) scatter_add(to + (index_t)row * inner + i, (acc)dy[t * inner + i]);
        }
    }
}
