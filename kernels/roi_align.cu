#include "kernel.h"

// Each box is cut into rows × columns bins, and each bin is the mean of bilinear samples of one map (He et al., 2017). Samples lie on a
// grid, so what a cell of the map weighs in a bin is a product: a weight of its row times one of its column. Both are summed over the
// samples once for each box. A sample farther than one cell outside the map counts as zero; one beyond the first or last cell's center
// takes that cell.

struct Laid {  // how boxes lie on a map
    int height, width, rows, columns;
    int samples;  // of a bin along each side; 0: as many as cells that it touches
    bool is_aligned;
    acc scale;  // cells per pixel
};

// The level of a box: one further for each doubling of its side beyond `finest`.
FN int level_of(const float* box, acc finest, int levels) {
    const acc side = m_sqrt(((acc)box[2] - (acc)box[0]) * ((acc)box[3] - (acc)box[1])) / finest + acc(1e-6);
    int level = 0;
    for (acc bound = 2; level + 1 < levels && side >= bound; bound *= 2) ++level;
    return level;
}

struct Axis {
    acc start, bin;  // where the box begins, and how long a bin is, in cells
    int samples;     // of a bin; 0 if the box has no extent
    int cells;       // of the map
};

FN Axis axis_of(acc low, acc high, int bins, int cells, const Laid& laid) {
    const acc shift = laid.is_aligned ? acc(0.5) : acc(0), start = low * laid.scale - shift;
    const acc extent = high * laid.scale - shift - start, side = laid.is_aligned ? extent : m_max(extent, acc(1));
    const bool is_sound = side >= 0 && side < acc(1e6);  // neither inverted nor made of what is no number
    const acc bin = side / (acc)bins;
    return {start, bin, !is_sound ? 0 : laid.samples > 0 ? laid.samples : (int)-m_floor(-bin), cells};
}

// The cells [first, end) that a bin looks at, and their weights: cell i's at [i + 2 * bin]. Neighbouring bins share two cells at most, so
// that one table of cells + 2 * bins has room for all.
struct Weights {
    acc* of;
    int *first, *end;
    METHOD acc at(int bin, int cell) const { return of[cell + 2 * bin]; }
};

FN void weigh(const Weights& w, int bin, const Axis& a) {
    int first = 0, end = 0;
    acc* of = w.of + 2 * bin;
    for (int s = 0; s < a.samples; ++s) {
        const acc at = a.start + (acc)bin * a.bin + ((acc)s + acc(0.5)) * a.bin / (acc)a.samples;
        if (!(at >= -1 && at <= (acc)a.cells)) continue;
        const acc inside = m_clamp(at, acc(0), (acc)(a.cells - 1));
        const int near = (int)inside, far = m_min(near + 1, a.cells - 1);
        if (end == 0) first = end = near;
        for (; end <= far; ++end) of[end] = 0;
        of[near] += acc(1) - (inside - (acc)near);
        of[far] += inside - (acc)near;
    }
    w.first[bin] = first;
    w.end[bin] = end;
}

// Weights of all rows and columns of one box, lanes over them; returns what each mean is divided by. No box: nothing has weight.
FN acc weigh_box(const Weights& y, const Weights& x, const float* box, const Laid& laid) {
    Axis down = {0, 0, 0, laid.height}, across = {0, 0, 0, laid.width};
    if (box) {
        down = axis_of(box[1], box[3], laid.rows, laid.height, laid);
        across = axis_of(box[0], box[2], laid.columns, laid.width, laid);
    }
    LANE_LOOP (i, laid.rows + laid.columns) {
        if (i < laid.rows) weigh(y, i, down);
        else weigh(x, i - laid.rows, across);
    }
    team_sync();
    return m_max((acc)down.samples * (acc)across.samples, acc(1));
}

// f(cell of the map, weight) for each cell that a bin looks at.
template <class F>
FN void each_cell(const Weights& y, const Weights& x, int row, int column, int width, acc divisor, F f) {
    for (int r = y.first[row]; r < y.end[row]; ++r) {
        const acc w = y.at(row, r) / divisor;
        for (int c = x.first[column]; c < x.end[column]; ++c) f((index_t)r * width + c, w * x.at(column, c));
    }
}

constexpr int roi_block = 128, roi_owned_block = 64;  // channels that a team does at most

#define ROI_WEIGHTS(laid)                                             \
    TEAM_SCRATCH(acc, of_rows, (laid).height + 2 * (laid).rows);      \
    TEAM_SCRATCH(acc, of_columns, (laid).width + 2 * (laid).columns); \
    TEAM_SCRATCH(int, row_range, 2 * (laid).rows);                    \
    TEAM_SCRATCH(int, column_range, 2 * (laid).columns);              \
    const Weights wy = {of_rows, row_range, row_range + (laid).rows}; \
    const Weights wx = {of_columns, column_range, column_range + (laid).columns};

// The boxes of one level; those beyond a picture's count are zero, and of the first. A team does a block of one box's channels.
KERNEL(roi_align_forward, real* out, const real* map,  // [batch, boxes, rows, columns, channels], [batch, height, width, channels]
       const float* boxes, const int* counts,          // [batch, boxes, 4], [batch] or null
       int batch, int most, int height, int width, int channels, int block, int rows, int columns, int samples, int aligned, float scale,
       int level, int levels, float finest) {
    const Laid laid = {height, width, rows, columns, samples, aligned != 0, scale};
    const int blocks = (channels + block - 1) / block;
    TEAM_LOOP (t, (index_t)batch * most * blocks) {
        const index_t row = t / blocks, b = row / most;
        const float* box = counts && row % most >= counts[b] ? nullptr : boxes + row * 4;
        if ((box ? level_of(box, finest, levels) : 0) != level) continue;
        ROI_WEIGHTS(laid)
        const int from = (int)(t % blocks) * block, n = m_min(block, channels - from);
        const acc divisor = weigh_box(wy, wx, box, laid);
        const real* plane = map + b * height * width * channels + from;
        for (int bin = 0; bin < rows * columns; ++bin) {
            LaneRow<roi_block> sum;
            each_cell(wy, wx, bin / columns, bin % columns, width, divisor, [&](index_t cell, acc w) {
                const real* v = plane + cell * channels;
                sum.each(n, [&](int c, acc& s) { s += w * (acc)v[c]; });
            });
            real* y = out + (row * rows * columns + bin) * channels + from;
            sum.each(n, [&](int c, acc& s) { y[c] = (real)s; });
        }
    }
}

// dmap starts as zeros. Teams are ordered (batch, block of channels, run of boxes): one owner per place of dmap on the CPU, and with one
// run on the GPU too.
KERNEL(roi_align_backward, acc* dmap, const real* dout, const float* boxes, const int* counts, int batch, int most, int height, int width,
       int channels, int block, int run, int rows, int columns, int samples, int aligned, float scale, int level, int levels,
       float finest) {
    const Laid laid = {height, width, rows, columns, samples, aligned != 0, scale};
    const int blocks = (channels + block - 1) / block, runs = (most + run - 1) / run;
    TEAM_LOOP_OWNING (t, (index_t)batch * blocks * runs, runs) {
        ROI_WEIGHTS(laid)
        const index_t b = t / runs / blocks;
        const int from = (int)(t / runs % blocks) * block, n = m_min(block, channels - from), first = (int)(t % runs) * run;
        acc* plane = dmap + b * height * width * channels + from;
        for (int k = first; k < m_min(first + run, counts ? m_min(counts[b], most) : most); ++k) {
            const float* box = boxes + (b * most + k) * 4;
            if (level_of(box, finest, levels) != level) continue;
            const acc divisor = weigh_box(wy, wx, box, laid);
            for (int bin = 0; bin < rows * columns; ++bin) {
                const real* dy = dout + ((b * most + k) * rows * columns + bin) * channels + from;
                LaneRow<roi_owned_block> upstream;
                upstream.each(n, [&](int c, acc& g) { g = (acc)dy[c]; });
                each_cell(wy, wx, bin / columns, bin % columns, width, divisor, [&](index_t cell, acc w) {
                    acc* to = plane + cell * channels;
                    upstream.each(n, [&](int c, acc& g) { scatter_add_weighted(to + c, w, g); });
                });
            }
        }
    }
}
