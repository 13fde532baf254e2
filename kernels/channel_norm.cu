#include "kernel.h"

// Normalisation of channels-last data [images, rows, channels] by statistics of each image and group of neighbouring channels. Group
// normalisation as it stands; batch normalisation is the case of one image that holds all rows, and groups of one channel.
//
// Sums over rows are taken run by run: team (image, run) sums its own rows channel by channel, then one team for each (image, group) joins
// the runs. No atomics, the same bits for any number of workers.

// Mean of each channel over each run of rows, and the sum of squared distances from it; shifted by the run's first row, so that a large
// mean costs no digits.
KERNEL(channel_norm_moments, acc* means, acc* squares,  // [images, runs, channels]
       const real* x, int images, index_t rows, int channels, int runs) {
    TEAM_LOOP (t, (index_t)images * runs) {
        const index_t image = t / runs, run = t % runs, begin = rows * run / runs, end = rows * (run + 1) / runs;
        const real* first = x + (image * rows + begin) * channels;
        acc *mean = means + t * channels, *square = squares + t * channels;
        LANE_LOOP (c, channels) mean[c] = square[c] = 0;
        index_t r = 1;
        for (; r + 4 <= end - begin; r += 4) {  // four rows at a time: the sums are loaded and stored once
            const real* row = first + r * channels;
            LANE_LOOP (c, channels) {
                const acc shift = (acc)first[c];
                const acc d0 = (acc)row[c] - shift, d1 = (acc)row[c + channels] - shift;
                const acc d2 = (acc)row[c + 2 * channels] - shift, d3 = (acc)row[c + 3 * channels] - shift;
                mean[c] += (d0 + d1) + (d2 + d3);
                square[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
            }
        }
        for (; r < end - begin; ++r) {
            const real* row = first + r * channels;
            LANE_LOOP (c, channels) {
                const acc d = (acc)row[c] - (acc)first[c];
                mean[c] += d;
                square[c] += d * d;
            }
        }
        const acc count = (acc)(end - begin);
        LANE_LOOP (c, channels) {
            const acc d = mean[c] / count;
            square[c] = m_max(square[c] - d * mean[c], (acc)0);
            mean[c] = (acc)first[c] + d;
        }
    }
}

// Joins the runs: mean and 1 / sqrt(variance + eps) of each group, written to each of its channels; the variance itself for running
// statistics.
KERNEL(channel_norm_statistics, acc* mean, acc* rstd, acc* variance,  // [images, channels], the same, [images, groups] or null
       const acc* means, const acc* squares,                          // [images, runs, channels]
       int images, index_t rows, int channels, int groups, int runs, float eps) {
    const int width = channels / groups;
    TEAM_LOOP (t, (index_t)images * groups) {
        const index_t image = t / groups, first = t % groups * width;
        const acc *m = means + image * runs * channels + first, *q = squares + image * runs * channels + first;
        const acc total = (acc)(rows * width);
        const auto count = [&](int run) { return (acc)(rows * (run + 1) / runs - rows * run / runs); };
        const acc center = team_sum(runs,
                                    [&](int run) {
                                        acc sum = 0;
                                        for (int c = 0; c < width; ++c) sum += m[(index_t)run * channels + c];
                                        return sum * count(run);
                                    }) /
                           total;
        const acc v = team_sum(runs,
                               [&](int run) {
                                   acc inside = 0, between = 0;
                                   for (int c = 0; c < width; ++c) {
                                       const acc d = m[(index_t)run * channels + c] - center;
                                       inside += q[(index_t)run * channels + c];
                                       between += d * d;
                                   }
                                   return inside + between * count(run);
                               }) /
                      total;
        const acc s = acc(1) / m_sqrt(v + (acc)eps);
        LANE_LOOP (c, width) {
            mean[image * channels + first + c] = center;
            rstd[image * channels + first + c] = s;
        }
        if (variance) LANE_ZERO variance[t] = v;
    }
}

// y = (x - mean) * rstd * weight + bias (+ residual), then max(0, .) if relu; one team per row.
KERNEL(channel_norm_apply, real* y, const real* x, const real* residual,  // [images, rows, channels]; residual may be null
       const acc* mean, const acc* rstd, const acc* weight, const acc* bias, int images, index_t rows, int channels, int relu) {
    TEAM_LOOP (r, images * rows) {
        const real* xr = x + r * channels;
        real* yr = y + r * channels;
        const acc *m = mean + r / rows * channels, *s = rstd + r / rows * channels;
        const acc low = relu ? (acc)0 : -(acc)INFINITY;
        if (residual) {
            const real* other = residual + r * channels;
            LANE_LOOP (c, channels) {
                const acc v = ((acc)xr[c] - m[c]) * (s[c] * weight[c]) + bias[c] + (acc)other[c];
                yr[c] = (real)(v < low ? low : v);
            }
        } else {
            LANE_LOOP (c, channels) {
                const acc v = ((acc)xr[c] - m[c]) * (s[c] * weight[c]) + bias[c];
                yr[c] = (real)(v < low ? low : v);
            }
        }
    }
}

// Sums over each run of g and of g * xhat; g is dy, or where y is given dy where y > 0, which is kept.
KERNEL(channel_norm_backward_sums, acc* sums, acc* products, real* g,  // [images, runs, channels], the same, [images, rows, channels]
       const real* dy, const real* y, const real* x, const acc* mean, const acc* rstd, int images, index_t rows, int channels, int runs) {
    TEAM_LOOP (t, (index_t)images * runs) {
        const index_t image = t / runs, run = t % runs, begin = rows * run / runs, end = rows * (run + 1) / runs;
        const acc *m = mean + image * channels, *s = rstd + image * channels;
        acc *sum = sums + t * channels, *product = products + t * channels;
        LANE_LOOP (c, channels) sum[c] = product[c] = 0;
        for (index_t r = image * rows + begin; r < image * rows + end; ++r) {
            const real *dyr = dy + r * channels, *xr = x + r * channels;
            if (y) {
                const real* yr = y + r * channels;
                real* gr = g + r * channels;
                LANE_LOOP (c, channels) {
                    const acc d = (acc)yr[c] <= 0 ? (acc)0 : (acc)dyr[c];
                    gr[c] = (real)d;
                    sum[c] += d;
                    product[c] += d * ((acc)xr[c] - m[c]);
                }
            } else {
                LANE_LOOP (c, channels) {
                    sum[c] += (acc)dyr[c];
                    product[c] += (acc)dyr[c] * ((acc)xr[c] - m[c]);
                }
            }
        }
        LANE_LOOP (c, channels) product[c] *= s[c];
    }
}

// Joins the runs of both sums for each image and channel, and takes their means over each group, weighted by the channels' weights.
KERNEL(channel_norm_backward_groups, acc* dbias, acc* dweight,  // [images, channels]: of each image
       acc* mean_g, acc* mean_gx,                               // [images, channels]: of the channel's group
       const acc* sums, const acc* products,                    // [images, runs, channels]
       const acc* weight, int images, index_t rows, int channels, int groups, int runs) {
    const int width = channels / groups;
    TEAM_LOOP (t, (index_t)images * groups) {
        const index_t image = t / groups, first = t % groups * width, at = image * channels + first;
        LANE_LOOP (c, width) {
            acc sum = 0, product = 0;
            for (int run = 0; run < runs; ++run) {
                sum += sums[(image * runs + run) * channels + first + c];
                product += products[(image * runs + run) * channels + first + c];
            }
            dbias[at + c] = sum;
            dweight[at + c] = product;
        }
        const acc total = (acc)(rows * width);
        const acc g = team_sum(width, [&](int c) { return dbias[at + c] * weight[first + c]; }) / total;
        const acc gx = team_sum(width, [&](int c) { return dweight[at + c] * weight[first + c]; }) / total;
        LANE_LOOP (c, width) {
            mean_g[at + c] = g;
            mean_gx[at + c] = gx;
        }
    }
}

// dx = rstd * (g * weight - mean_g - xhat * mean_gx); null means: constant statistics, dx = rstd * g * weight. dx may be g. One team per
// row.
KERNEL(channel_norm_backward_input, real* dx, const real* g, const real* x,  // [images, rows, channels]
       const acc* mean, const acc* rstd, const acc* weight, const acc* mean_g, const acc* mean_gx, int images, index_t rows, int channels) {
    TEAM_LOOP (r, images * rows) {
        const index_t at = r / rows * channels;
        const acc *m = mean + at, *s = rstd + at;
        const real *gr = g + r * channels, *xr = x + r * channels;
        real* dxr = dx + r * channels;
        if (mean_g) {
            const acc *a = mean_g + at, *b = mean_gx + at;
            LANE_LOOP (c, channels) {
                const acc xhat = ((acc)xr[c] - m[c]) * s[c];
                dxr[c] = (real)(s[c] * ((acc)gr[c] * weight[c] - a[c] - xhat * b[c]));
            }
        } else {
            LANE_LOOP (c, channels) dxr[c] = (real)(s[c] * weight[c] * (acc)gr[c]);
        }
    }
}
