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
    LANE_LOOP (s, n) weight[s] = score[s];
    if (a.dims) {
        const acc top = team_max(n, [&](int s) { return weight[s]; });
        LANE_LOOP (s, n) weight[s] = m_exp(weight[s] - top);
        const acc scale = acc(1) / team_sum(n, [&](int s) { return weight[s]; });
        LANE_LOOP (s, n) weight[s] *= scale;
    }
}

// Calls f(s, level, corners) for each sample of a row, lanes over samples. P: the number of points, 0 if not known.
template <int P, class F>
FN void each_sample(const Attention& a, index_t row, F f) {
    const int points = P ? P : a.points;
    GROUP_LOOP (l, a.levels, points) {
        const Level v = level_of(a, row, l);
        const auto* offset = (const Pack<2, acc>*)a.offsets + (row * a.levels + l) * points;
        GROUP_LANES (p, points, l) {
            const Pack<2, acc> o = offset[p];
            f(l * points + p, v, corners_of(v.base_x + o.v[0] * v.scale_x, v.base_y + o.v[1] * v.scale_y, v.height, v.width));
        }
    }
}

// Where the four corners of each sample lie and what they weigh: sample s, corner j at [j * step + s]. On the GPU the step is odd: four
// lanes that read one sample's corners meet no two in the same bank.
struct CornerTable {
    int step;
    int* at;
    acc* w;
};

template <int P>
FN void fill(const CornerTable& table, const acc* weight, const Attention& a, index_t row) {
    each_sample<P>(a, row, [&](int s, const Level& v, const Corners& k) {
        UNROLL for (int j = 0; j < 4; ++j) {
            table.at[j * table.step + s] = (v.start + k.cell[j]) * a.stride();
            table.w[j * table.step + s] = weight[s] * k.weight[j];
        }
    });
    team_sync();
}

// C: the number of channels, or any of at most 64 if 0. Each sample's corners are worked out once, lanes over samples; then lanes are
// channels.
template <int C, int P>
FN void gather(real* out, const real* value, const Attention& a, int batch) {
    const int samples = a.samples(), step = ROW_STEP(samples);
    TEAM_LOOP (row, (index_t)batch * a.queries * a.heads) {
        TEAM_SCRATCH(acc, weight, samples);
        TEAM_SCRATCH(int, at, 4 * step);
        TEAM_SCRATCH(acc, w, 4 * step);
        const CornerTable k = {step, at, w};
        weights_of(weight, a, row);
        fill<P>(k, weight, a, row);
        if constexpr (C > 0) {
            const real* plane = value + row / a.heads / a.queries * a.tokens * a.stride() + row % a.heads * C;
            FourRows<C> sum;
            for (int s = 0; s < samples; ++s) sum.add(plane, k.at + s, k.w + s, step);
            sum.store(out + row * C);
        } else {
            const real* plane = value + row / a.heads / a.queries * a.tokens * a.stride() + row % a.heads * a.channels;
            LaneRow<64> sum;
            for (int s = 0; s < samples; ++s) {
                UNROLL for (int j = 0; j < 4; ++j) {
                    const real* v = plane + k.at[j * step + s];
                    const acc w = k.w[j * step + s];
                    sum.each(a.channels, [&](int c, acc& o) { o += w * (acc)v[c]; });
                }
            }
            sum.each(a.channels, [&](int c, acc& o) { out[row * a.channels + c] = (real)o; });
        }
    }
}

// Rows in the order (n, h, q): all queries of a plane (n, h) belong to one CPU worker, which alone writes its dvalue.
template <int C, int P>
FN void scatter(acc* dvalue, acc* doffsets, acc* dscores, acc* dpoints, const real* dout, const real* value, const Attention& a,
                int batch) {
    const int channels = C ? C : a.channels, samples = a.samples(), step = ROW_STEP(samples);
    TEAM_LOOP_OWNING (t, (index_t)batch * a.heads * a.queries, a.queries) {
        const index_t n = t / a.queries / a.heads, h = t / a.queries % a.heads, row = (n * a.queries + t % a.queries) * a.heads + h;
        TEAM_SCRATCH(acc, weight, samples);
        TEAM_SCRATCH(int, at, 4 * step);
        TEAM_SCRATCH(acc, w, 4 * step);
        const CornerTable k = {step, at, w};
        TEAM_SCRATCH(acc, dot, 4 * step);  // of the upstream gradient with each corner's values
        TEAM_SCRATCH(acc, dweight, samples);
        weights_of(weight, a, row);
        fill<P>(k, weight, a, row);
        const index_t plane = n * a.tokens * a.stride() + h * channels;
        const real* g = dout + row * channels;
        LaneRow<C ? C : 64> upstream;
        upstream.each(channels, [&](int c, acc& gc) { gc = (acc)g[c]; });
        FourRows<C ? C : 8> wide;
        if constexpr (C > 0) wide.load(g);
        for (int s = 0; s < samples; ++s) {
            if constexpr (C > 0) {
                wide.dot(dot + s, value + plane, k.at + s, step);
            } else {
                UNROLL for (int j = 0; j < 4; ++j) {
                    const real* v = value + plane + k.at[j * step + s];
                    const acc d = team_sum(channels, [&](int c) { return (acc)g[c] * (acc)v[c]; });
                    LANE_ZERO dot[j * step + s] = d;
                }
            }
            acc *d0 = dvalue + plane + k.at[s], *d1 = dvalue + plane + k.at[step + s];
            acc *d2 = dvalue + plane + k.at[2 * step + s], *d3 = dvalue + plane + k.at[3 * step + s];
            const acc w0 = k.w[s], w1 = k.w[step + s], w2 = k.w[2 * step + s], w3 = k.w[3 * step + s];
            upstream.each(channels, [&](int c, acc& gc) {
                scatter_add_weighted(d0 + c, w0, gc);
                scatter_add_weighted(d1 + c, w1, gc);
                scatter_add_weighted(d2 + c, w2, gc);
                scatter_add_weighted(d3 + c, w3, gc);
            });
        }
        each_sample<P>(a, row, [&](int s, const Level& v, const Corners& c) {
            acc dw = 0, dx = 0, dy = 0;
            UNROLL for (int j = 0; j < 4; ++j) {
                const acc d = dot[j * step + s];
                dw += c.weight[j] * d;
                dx += c.dx[j] * d;
                dy += c.dy[j] * d;
            }
            const index_t o = row * samples + s;
            dweight[s] = dw;
            ((Pack<2, acc>*)doffsets)[o] = {weight[s] * dx * v.scale_x, weight[s] * dy * v.scale_y};
            if (dpoints) ((Pack<2, acc>*)dpoints)[o] = {weight[s] * dx * (acc)v.width, weight[s] * dy * (acc)v.height};
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
