#include "kernel.h"

// y[r,c] = (x[r,c] - mean[r]) * rstd[r] * weight[c] + bias[c]; one team per row.
template <int held>
FN void norm(real* y, acc* mean, acc* rstd, const real* x, const acc* weight, const acc* bias, int rows, int channels, acc eps) {
    const HeldRow<held, acc> w(weight, channels), b(bias, channels);
    TEAM_LOOP (r, rows) {
        const HeldRow<held> row(x + r * channels, channels);
        real* RESTRICT yr = y + r * channels;
        const acc m = row.sum([](int, acc v, int) { return v; }) / channels;
        const acc variance = row.sum([&](int, acc v, int) { return (v - m) * (v - m); }) / channels;
        const acc s = acc(1) / m_sqrt(variance + eps);
        row.each([&](int c, acc v, int j) { yr[c] = (real)((v - m) * s * w.at(c, j) + b.at(c, j)); });
        LANE_ZERO {
            mean[r] = m;
            rstd[r] = s;
        }
    }
}

KERNEL(layer_norm_forward, real* y, acc* mean, acc* rstd,  // [rows, channels], [rows], [rows]
       const real* x, const acc* weight, const acc* bias,  // [rows, channels], [channels], [channels]
       int rows, int channels, float eps) {
#define NORM(held) norm<held>(y, mean, rstd, x, weight, bias, rows, channels, (acc)eps);
    FOR_HELD(channels, NORM)
}

// dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) with g = dy * weight.
template <int held>
FN void norm_backward(real* dx, const real* dy, const real* x, const acc* mean, const acc* rstd, const acc* weight, int rows,
                      int channels) {
    const HeldRow<held, acc> w(weight, channels);
    TEAM_LOOP (r, rows) {
        const HeldRow<held> row(x + r * channels, channels), upstream(dy + r * channels, channels);
        real* RESTRICT dxr = dx + r * channels;
        const acc m = mean[r], s = rstd[r];
        const acc g = upstream.sum([&](int c, acc d, int j) { return d * w.at(c, j); }) / channels;
        const acc gx = upstream.sum([&](int c, acc d, int j) { return d * w.at(c, j) * ((row.at(c, j) - m) * s); }) / channels;
        upstream.each([&](int c, acc d, int j) { dxr[c] = (real)(s * (d * w.at(c, j) - g - (row.at(c, j) - m) * s * gx)); });
    }
}

KERNEL(layer_norm_backward_input, real* dx, const real* dy, const real* x,  // [rows, channels]
       const acc* mean, const acc* rstd, const acc* weight, int rows, int channels){
#define NORM_BACKWARD(held) norm_backward<held>(dx, dy, x, mean, rstd, weight, rows, channels);
    FOR_HELD(channels, NORM_BACKWARD)}

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
