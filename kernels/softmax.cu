#include "kernel.h"

// Rows of a length known to the compiler need no loops: short ones (16 sampling points, 4 levels, …) come by the million.
#define FOR_LENGTH(length, body) \
    switch (length) {            \
        case 4:                  \
            body(4);             \
            break;               \
        case 8:                  \
            body(8);             \
            break;               \
        case 12:                 \
            body(12);            \
            break;               \
        case 16:                 \
            body(16);            \
            break;               \
        case 20:                 \
            body(20);            \
            break;               \
        case 32:                 \
            body(32);            \
            break;               \
        default:                 \
            body(length);        \
    }

// y[r,c] = e^(x[r,c] - max) / sum over c; a row that is all -infinity is NaN, as in PyTorch.
KERNEL(softmax_forward, real* RESTRICT y, const real* RESTRICT x, index_t rows, int length){
#define SOFTMAX(n)                                                                 \
    TEAM_LOOP (r, rows) {                                                          \
        const real* RESTRICT xr = x + r * (n);                                     \
        real* RESTRICT yr = y + r * (n);                                           \
        const acc top = team_max(n, [&](int c) { return (acc)xr[c]; });            \
        LANE_LOOP (c, n) yr[c] = (real)m_exp((acc)xr[c] - top);                    \
        const acc scale = acc(1) / team_sum(n, [&](int c) { return (acc)yr[c]; }); \
        LANE_LOOP (c, n) yr[c] = (real)((acc)yr[c] * scale);                       \
    }
    FOR_LENGTH(length, SOFTMAX)}

// dx = y (dy - sum of dy · y)
KERNEL(softmax_backward, real* RESTRICT dx, const real* RESTRICT dy, const real* RESTRICT y, index_t rows, int length){
#define SOFTMAX_BACKWARD(n)                                                            \
    TEAM_LOOP (r, rows) {                                                              \
        const real *RESTRICT yr = y + r * (n), *RESTRICT dyr = dy + r * (n);           \
        real* RESTRICT dxr = dx + r * (n);                                             \
        const acc mean = team_sum(n, [&](int c) { return (acc)dyr[c] * (acc)yr[c]; }); \
        LANE_LOOP (c, n) dxr[c] = (real)((acc)yr[c] * ((acc)dyr[c] - mean));           \
    }
    FOR_LENGTH(length, SOFTMAX_BACKWARD)}

// y[r,c] = x[r,c] - max - log of the sum of e^(x - max)
KERNEL(softmax_log_forward, real* RESTRICT y, const real* RESTRICT x, index_t rows, int length) {
    TEAM_LOOP (r, rows) {
        const real* RESTRICT xr = x + r * length;
        real* RESTRICT yr = y + r * length;
        const acc top = team_max(length, [&](int c) { return (acc)xr[c]; });
        const acc shift = m_log(team_sum(length, [&](int c) { return m_exp((acc)xr[c] - top); }));
        LANE_LOOP (c, length) yr[c] = (real)((acc)xr[c] - top - shift);
    }
}

// dx = dy - e^y · sum of dy
KERNEL(softmax_log_backward, real* RESTRICT dx, const real* RESTRICT dy, const real* RESTRICT y, index_t rows, int length) {
    TEAM_LOOP (r, rows) {
        const real *RESTRICT yr = y + r * length, *RESTRICT dyr = dy + r * length;
        real* RESTRICT dxr = dx + r * length;
        const acc sum = team_sum(length, [&](int c) { return (acc)dyr[c]; });
        LANE_LOOP (c, length) dxr[c] = (real)((acc)dyr[c] - m_exp((acc)yr[c]) * sum);
    }
}
