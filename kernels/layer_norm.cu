#include "kernel.h"

// y[r,c] = (x[r,c] - mean[r]) * rstd[r] * weight[c] + bias[c]; one team per row.
KERNEL(layer_norm_forward, real* y, acc* mean, acc* rstd,  // [rows, channels], [rows], [rows]
       const real* x, const acc* weight, const acc* bias,  // [rows, channels], [channels], [channels]
       int rows, int channels, float eps) {
    TEAM_LOOP (r, rows) {
        const real* xr = x + r * channels;
        real* yr = y + r * channels;
        const acc m = team_sum(channels, [&](int c) { return (acc)xr[c]; }) / channels;
        const acc v = team_sum(channels,
                               [&](int c) {
                                   const acc d = (acc)xr[c] - m;
                                   return d * d;
                               }) /
                      channels;
        const acc s = acc(1) / m_sqrt(v + (acc)eps);
        LANE_LOOP (c, channels) yr[c] = (real)(((acc)xr[c] - m) * s * weight[c] + bias[c]);
        LANE_ZERO {
            mean[r] = m;
            rstd[r] = s;
        }
    }
}

// dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) with g = dy * weight.
KERNEL(layer_norm_backward_input, real* dx, const real* dy, const real* x,  // [rows, channels]
       const acc* mean, const acc* rstd, const acc* weight, int rows, int channels) {
    TEAM_LOOP (r, rows) {
        const real *xr = x + r * channels, *dyr = dy + r * channels;
        real* dxr = dx + r * channels;
        const acc m = mean[r], s = rstd[r];
        const acc g = team_sum(channels, [&](int c) { return (acc)dyr[c] * weight[c]; }) / channels;
        const acc gx = team_sum(channels, [&](int c) { return (acc)dyr[c] * weight[c] * (((acc)xr[c] - m) * s); }) / channels;
        LANE_LOOP (c, channels) dxr[c] = (real)(s * ((acc)dyr[c] * weight[c] - g - ((acc)xr[c] - m) * s * gx));
    }
}

// Each of `runs` teams sums its own run of rows into its own partial row; a column sum finishes. No atomics, the same bits every time.
KERNEL(layer_norm_backward_affine, acc* dweight, acc* dbias,  // [runs, channels]
       const real* dy, const real* x, const acc* mean, const acc* rstd, int rows, int channels, int runs) {
    TEAM_LOOP (t, runs) {
        const index_t begin = rows * t / runs, end = rows * (t + 1) / runs;
        LANE_LOOP (c, channels) dweight[t * channels + c] = dbias[t * channels + c] = 0;
        for (index_t r = begin; r < end; ++r) {
            const acc m = mean[r], s = rstd[r];
            const real *xr = x + r * channels, *dyr = dy + r * channels;
            acc *dw = dweight + t * channels, *db = dbias + t * channels;
            LANE_LOOP (c, channels) {
                dw[c] += (acc)dyr[c] * (((acc)xr[c] - m) * s);
                db[c] += (acc)dyr[c];
            }
        }
    }
}
