#include "bilinear.h"

// Multi-scale deformable attention: each query looks at a few points on every level and averages what it finds there.
//
//   out[n, q, h, :] = sum over (l, p) of weight[n, q, h, l, p] * sample(value[n, level l, h, :], point[n, q, h, l, p])
//
// `reference` absent: `offsets` are locations in [0, 1] of the level, `scores` are the weights.
// `reference` of `dims` 2 or 4, a fraction of the level: points = reference + offsets in cells (2), or + offsets in half boxes / points
// (4: center x, center y, width, height); weights = softmax of the scores over (levels, points).

struct Attention {
    const int *sizes, *starts;                // [levels, 2] (height, width) in cells, [levels] first token
    const acc *reference, *offsets, *scores;  // [batch, queries, levels, dims], [batch, queries, heads, levels, points, 2 | 1]
    int tokens, queries, heads, channels, levels, points, dims;

    METHOD int samples() const { return levels * points; }
    METHOD int stride() const { return heads * channels; }  // from one token to the next
};

// A level's cells as a query sees it: a point lies at base + offset * scale.
struct Level {
    int start, height, width;
    acc base_x, base_y, scale_x, scale_y;
};

FN Level level_of(const Attention& a, index_t row, int l) {
    Level v = {a.starts[l], a.sizes[2 * l], a.sizes[2 * l + 1], acc(-0.5), acc(-0.5), acc(1), acc(1)};
    if (a.dims == 0) {
        v.scale_x = (acc)v.width;
        v.scale_y = (acc)v.height;
    } else {
        const acc* r = a.reference + (row / a.heads * a.levels + l) * a.dims;
        v.base_x += r[0] * (acc)v.width;
        v.base_y += r[1] * (acc)v.height;
        if (a.dims == 4) {
            v.scale_x = r[2] * (acc)v.width * acc(0.5) / (acc)a.points;
            v.scale_y = r[3] * (acc)v.height * acc(0.5) / (acc)a.points;
        }
    }
    return v;
}

// Fills weight[samples] of one row (n, q, h).
FN void weights_of(acc* weight, const Attention& a, index_t row) {
    const int n = a.samples();
    const acc* score = a.scores + row * n;
    if (a.dims == 0) {
        LANE_LOOP (s, n) weight[s] = score[s];
    } else {
        const acc top = team_max(n, [&](int s) { return score[s]; });
        LANE_LOOP (s, n) weight[s] = m_exp(score[s] - top);
        const acc scale = acc(1) / team_sum(n, [&](int s) { return weight[s]; });
        LANE_LOOP (s, n) weight[s] *= scale;
    }
}

// Calls f(s, level, corners) for each sample of a row, lanes over the points of a level. P: the number of points, 0 if not known.
template <int P, class F>
FN void each_sample(const Attention& a, index_t row, F f) {
    const int points = P ? P : a.points;
    for (int l = 0; l < a.levels; ++l) {
        const Level v = level_of(a, row, l);
        const acc* offset = a.offsets + (row * a.levels + l) * points * 2;
        LANE_LOOP (p, points)
            f(l * points + p, v,
              corners_of(v.base_x + offset[2 * p] * v.scale_x, v.base_y + offset[2 * p + 1] * v.scale_y, v.height, v.width));
    }
}

// C: the number of channels, or at most 64 of them if 0. Each sample's corners are worked out once, lanes over samples; then lanes are
// channels.
template <int C, int P>
FN void gather(real* out, const real* value, const Attention& a, int batch) {
    const int channels = C ? C : a.channels, samples = a.samples(), stride = a.stride();
    TEAM_LOOP (row, (index_t)batch * a.queries * a.heads) {
        TEAM_SCRATCH(acc, weight, samples);
        TEAM_SCRATCH(int, at, 4 * samples);
        TEAM_SCRATCH(acc, w, 4 * samples);
        weights_of(weight, a, row);
        each_sample<P>(a, row, [&](int s, const Level& v, const Corners& k) {
            UNROLL for (int j = 0; j < 4; ++j) {
                at[j * samples + s] = (v.start + k.cell[j]) * stride;
                w[j * samples + s] = weight[s] * k.weight[j];
            }
        });
        team_sync();
        const real* plane = value + row / a.heads / a.queries * a.tokens * stride + row % a.heads * channels;
        LaneRow<C ? C : 64> sum;
        for (int s = 0; s < samples; ++s) {
            const real *v0 = plane + at[s], *v1 = plane + at[samples + s];
            const real *v2 = plane + at[2 * samples + s], *v3 = plane + at[3 * samples + s];
            const acc w0 = w[s], w1 = w[samples + s], w2 = w[2 * samples + s], w3 = w[3 * samples + s];
            sum.each(channels, [&](int c, acc& o) { o += w0 * (acc)v0[c] + w1 * (acc)v1[c] + w2 * (acc)v2[c] + w3 * (acc)v3[c]; });
        }
        sum.each(channels, [&](int c, acc& o) { out[row * channels + c] = (real)o; });
    }
}

// Rows in the order (n, h, q): all queries of a plane (n, h) belong to one CPU worker, which alone writes its dvalue.
template <int C, int P>
FN void scatter(acc* dvalue, acc* doffsets, acc* dscores, acc* dpoints, const real* dout, const real* value, const Attention& a,
                int batch) {
    const int channels = C ? C : a.channels, samples = a.samples(), stride = a.stride();
    TEAM_LOOP_OWNING (t, (index_t)batch * a.heads * a.queries, a.queries) {
        const index_t n = t / a.queries / a.heads, h = t / a.queries % a.heads, row = (n * a.queries + t % a.queries) * a.heads + h;
        TEAM_SCRATCH(acc, weight, samples);
        TEAM_SCRATCH(int, at, 4 * samples);
        TEAM_SCRATCH(acc, w, 4 * samples);
        TEAM_SCRATCH(acc, dot, 4 * samples);  // of the upstream gradient with each corner's values
        TEAM_SCRATCH(acc, dweight, samples);
        weights_of(weight, a, row);
        each_sample<P>(a, row, [&](int s, const Level& v, const Corners& k) {
            UNROLL for (int j = 0; j < 4; ++j) {
                at[j * samples + s] = (v.start + k.cell[j]) * stride;
                w[j * samples + s] = weight[s] * k.weight[j];
            }
        });
        team_sync();
        const index_t plane = n * a.tokens * stride + h * channels;
        const real* g = dout + row * channels;
        for (int s = 0; s < samples; ++s) {
            const acc w0 = w[s], w1 = w[samples + s], w2 = w[2 * samples + s], w3 = w[3 * samples + s];
            const index_t k0 = plane + at[s], k1 = plane + at[samples + s], k2 = plane + at[2 * samples + s],
                          k3 = plane + at[3 * samples + s];
            const real *v0 = value + k0, *v1 = value + k1, *v2 = value + k2, *v3 = value + k3;
            acc *d0 = dvalue + k0, *d1 = dvalue + k1, *d2 = dvalue + k2, *d3 = dvalue + k3;
            const Sums4 d = team_sum4(channels, [&](int c, acc& s0, acc& s1, acc& s2, acc& s3) {
                s0 += (acc)g[c] * (acc)v0[c];
                s1 += (acc)g[c] * (acc)v1[c];
                s2 += (acc)g[c] * (acc)v2[c];
                s3 += (acc)g[c] * (acc)v3[c];
            });
            LANE_LOOP (c, channels) {
                const acc gc = (acc)g[c];
                scatter_add(d0 + c, w0 * gc);
                scatter_add(d1 + c, w1 * gc);
                scatter_add(d2 + c, w2 * gc);
                scatter_add(d3 + c, w3 * gc);
            }
            LANE_ZERO { UNROLL for (int j = 0; j < 4; ++j) dot[j * samples + s] = d.v[j]; }
        }
        each_sample<P>(a, row, [&](int s, const Level& v, const Corners& k) {
            acc dw = 0, dx = 0, dy = 0;
            UNROLL for (int j = 0; j < 4; ++j) {
                const acc d = dot[j * samples + s];
                dw += k.weight[j] * d;
                dx += k.dx[j] * d;
                dy += k.dy[j] * d;
            }
            const index_t o = 2 * (row * samples + s);
            dweight[s] = dw;
            doffsets[o] = weight[s] * dx * v.scale_x;
            doffsets[o + 1] = weight[s] * dy * v.scale_y;
            if (dpoints) {
                dpoints[o] = weight[s] * dx * (acc)v.width;
                dpoints[o + 1] = weight[s] * dy * (acc)v.height;
            }
        });
        const acc mean = a.dims == 0 ? acc(0) : team_sum(samples, [&](int s) { return weight[s] * dweight[s]; });
        LANE_LOOP (s, samples) dscores[row * samples + s] = a.dims == 0 ? dweight[s] : weight[s] * (dweight[s] - mean);
    }
}

KERNEL(deform_attn_forward, real* out, const real* value,  // [batch, queries, heads, channels], [batch, tokens, heads, channels]
       const int* sizes, const int* starts, const acc* reference, const acc* offsets, const acc* scores, int batch, int tokens, int queries,
       int heads, int channels, int levels, int points, int dims) {
    const Attention a = {sizes, starts, reference, offsets, scores, tokens, queries, heads, channels, levels, points, dims};
    if (points == 4 && channels == 32) gather<32, 4>(out, value, a, batch);
    else if (points == 4 && channels == 16) gather<16, 4>(out, value, a, batch);
    else if (points == 4 && channels == 8) gather<8, 4>(out, value, a, batch);
    else gather<0, 0>(out, value, a, batch);
}

// dvalue is zero before. dpoints (gradients of the points as fractions of the level) may be absent.
KERNEL(deform_attn_backward, acc* dvalue, acc* doffsets, acc* dscores, acc* dpoints, const real* dout, const real* value, const int* sizes,
       const int* starts, const acc* reference, const acc* offsets, const acc* scores, int batch, int tokens, int queries, int heads,
       int channels, int levels, int points, int dims) {
    const Attention a = {sizes, starts, reference, offsets, scores, tokens, queries, heads, channels, levels, points, dims};
    if (points == 4 && channels == 32) scatter<32, 4>(dvalue, doffsets, dscores, dpoints, dout, value, a, batch);
    else if (points == 4 && channels == 16) scatter<16, 4>(dvalue, doffsets, dscores, dpoints, dout, value, a, batch);
    else if (points == 4 && channels == 8) scatter<8, 4>(dvalue, doffsets, dscores, dpoints, dout, value, a, batch);
    else scatter<0, 0>(dvalue, doffsets, dscores, dpoints, dout, value, a, batch);
}

// dreference from the gradients of the points: the center moves every point of its level, the size stretches the offsets.
KERNEL(deform_attn_backward_reference, acc* dreference, const acc* dpoints,
       const acc* offsets,  // [rows, levels, dims], [rows, heads, levels, points, 2]
       int rows, int heads, int levels, int points, int dims) {
    ELEMENT_LOOP (i, (index_t)rows * levels) {
        const index_t row = i / levels, l = i % levels;
        acc center[2] = {0, 0}, size[2] = {0, 0};
        for (int h = 0; h < heads; ++h)
            for (int p = 0; p < points; ++p) {
                const index_t s = 2 * (((row * heads + h) * levels + l) * points + p);
                UNROLL for (int j = 0; j < 2; ++j) {
                    center[j] += dpoints[s + j];
                    size[j] += dpoints[s + j] * offsets[s + j] * acc(0.5) / (acc)points;
                }
            }
        UNROLL for (int j = 0; j < 2; ++j) {
            dreference[i * dims + j] = center[j];
            if (dims == 4) dreference[i * dims + 2 + j] = size[j];
        }
    }
}
