#include "kernel.h"

// y[o, i] = scale * sum over r of x[o, r, i]: the middle axis of a three-axis view. Wide inner runs are summed lane by lane in row order.
KERNEL(reduce_sum_axis, real* y, const real* x,  // [outer, inner], [outer, count, inner]
       index_t outer, int count, int inner, float scale) {
    TEAM_LOOP (o, outer) {
        const real* xo = x + o * count * inner;
        real* yo = y + o * inner;
        if (inner == 1) {
            const acc s = team_sum(count, [&](int r) { return (acc)xo[r]; });
            LANE_ZERO yo[0] = (real)(s * (acc)scale);
        } else {
            LANE_LOOP (i, inner) yo[i] = (real)0;
            for (int r = 0; r < count; ++r) {
                const real* xr = xo + (index_t)r * inner;
                LANE_LOOP (i, inner) yo[i] = (real)((acc)yo[i] + (acc)xr[i]);
            }
            LANE_LOOP (i, inner) yo[i] = (real)((acc)yo[i] * (acc)scale);
        }
    }
}

// dx[o, r, i] = scale * dy[o, i]
KERNEL(reduce_spread_axis, real* dx, const real* dy,  // [outer, count, inner], [outer, inner]
       index_t outer, int count, int inner, float scale) {
    TEAM_LOOP (t, outer * count) {
        const real* row = dy + t / count * inner;
        LANE_LOOP (i, inner) dx[t * inner + i] = (real)((acc)row[i] * (acc)scale);
    }
}
