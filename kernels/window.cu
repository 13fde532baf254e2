#include "kernel.h"

// A map [batch, height, width, channels] cut into windows of size × size cells; the last ones reach beyond it. Windows are [batch, down,
// across, size · size, channels], their cells row by row, or column by column.
struct Cut {
    int height, width, size, by_columns;

    METHOD int down() const { return (height + size - 1) / size; }
    METHOD int across() const { return (width + size - 1) / size; }
    METHOD index_t strips(index_t batch) const { return batch * down() * across() * size; }
};

// One row of cells of one window.
struct Strip {
    index_t cell, token;  // its first cell in the map, and its first token in the windows
    int step, inside;     // from one of its tokens to the next; how many of its cells the map has
};
FN Strip strip_of(const Cut& cut, index_t t) {
    const index_t w = t / cut.size, above = w / cut.across();
    const int i = (int)(t - w * cut.size), left = (int)(w % cut.across()) * cut.size, row = (int)(above % cut.down()) * cut.size + i;
    const int inside = row < cut.height ? m_min(cut.size, cut.width - left) : 0;
    const index_t first = w * cut.size * cut.size;
    return {(above / cut.down() * cut.height + row) * cut.width + left, cut.by_columns ? first + i : first + i * cut.size,
            cut.by_columns ? cut.size : 1, inside};
}

// y = windows of x; cells beyond the map hold `fill` [channels], or zeros. One team per strip.
KERNEL(window_partition, real* y, const real* x, const acc* fill, index_t batch, int height, int width, int channels, int size,
       int by_columns) {
    const Cut cut = {height, width, size, by_columns};
    TEAM_LOOP (t, cut.strips(batch)) {
        const Strip s = strip_of(cut, t);
        GROUP_LOOP (j, size, channels) {
            real* RESTRICT to = y + (s.token + j * s.step) * channels;
            const real* RESTRICT from = x + (s.cell + j) * channels;
            if (j < s.inside) {
                GROUP_LANES (c, channels, j) to[c] = from[c];
            } else {
                GROUP_LANES (c, channels, j) to[c] = fill ? (real)fill[c] : (real)0;
            }
        }
    }
}

// x = the map that windows y were cut from; what lies beyond it is left out.
KERNEL(window_merge, real* x, const real* y, index_t batch, int height, int width, int channels, int size, int by_columns) {
    const Cut cut = {height, width, size, by_columns};
    TEAM_LOOP (t, cut.strips(batch)) {
        const Strip s = strip_of(cut, t);
        GROUP_LOOP (j, s.inside, channels) {
            real* RESTRICT to = x + (s.cell + j) * channels;
            const real* RESTRICT from = y + (s.token + j * s.step) * channels;
            GROUP_LANES (c, channels, j) to[c] = from[c];
        }
    }
}

// The gradient of the fill: the sum over all cells beyond the map, in runs of strips [runs, channels].
KERNEL(window_fill_backward, acc* dfill, const real* dy, index_t batch, int height, int width, int channels, int size, int by_columns,
       int runs) {
    const Cut cut = {height, width, size, by_columns};
    const index_t strips = cut.strips(batch);
    TEAM_LOOP (run, runs) {
        acc* sum = dfill + run * channels;
        LANE_LOOP (c, channels) sum[c] = 0;
        for (index_t t = strips * run / runs, end = strips * (run + 1) / runs; t < end; ++t) {
            const Strip s = strip_of(cut, t);
            for (int j = s.inside; j < size; ++j) {
                const real* from = dy + (s.token + j * s.step) * channels;
                LANE_LOOP (c, channels) sum[c] += (acc)from[c];
            }
        }
    }
}
