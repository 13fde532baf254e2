#include "kernel.h"

// The number that a distribution over bins 0, 1, 2 … means: y = sum of c · softmax(x)_c (Li et al., 2020); and its gradient,
// dx_c = dy · softmax(x)_c · (c - y).
KERNEL(integral_forward, acc* y, const real* x, index_t rows, int bins) {  // [rows], [rows, bins]
    TEAM_LOOP (r, rows) {
        const real* xr = x + r * bins;
        const acc top = team_max(bins, [&](int c) { return (acc)xr[c]; });
        const Sums4 s = team_sum4(bins, [&](int c, acc& sum, acc& weighted, acc&, acc&) {
            const acc e = m_exp((acc)xr[c] - top);
            sum += e;
            weighted += (acc)c * e;
        });
        LANE_ZERO y[r] = s.v[1] / s.v[0];
    }
}

KERNEL(integral_backward, real* dx, const acc* dy, const real* x, const acc* y, index_t rows, int bins) {
    TEAM_LOOP (r, rows) {
        const real* xr = x + r * bins;
        real* dxr = dx + r * bins;
        const acc top = team_max(bins, [&](int c) { return (acc)xr[c]; });
        const acc scale = dy[r] / team_sum(bins, [&](int c) { return m_exp((acc)xr[c] - top); });
        const acc mean = y[r];
        LANE_LOOP (c, bins) dxr[c] = (real)(scale * m_exp((acc)xr[c] - top) * ((acc)c - mean));
    }
}
