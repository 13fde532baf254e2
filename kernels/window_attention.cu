#include "kernel.h"

// Attention within the windows of a map [batch, height, width, 3 · heads · channels], which holds queries, keys and values. Windows have
// size × size cells, row by row; the last ones reach beyond the map, where every cell holds `padding` [3 · heads · channels]. Shifted
// windows see the map rolled `shift` cells towards its beginning; cells that came together only by that hardly see each other.
//
//   y[query] = sum over keys of p value[key],  p = softmax over keys of query · key / sqrt(channels) + bias[head, key, query] + region
//
// A team does one head of one window, `tile` queries at a time. Its scores lie key by key, so that lanes are queries.
struct Windows {
    int height, width, size, shift, heads, channels, tile;

    METHOD int down() const { return (height + size - 1) / size; }
    METHOD int across() const { return (width + size - 1) / size; }
    METHOD int count() const { return down() * across(); }
    METHOD int cells() const { return size * size; }
    METHOD int stride() const { return 3 * heads * channels; }
    METHOD int queries() const { return (tile + 7) & ~7; }           // columns of scores, with what fills up vectors
    METHOD int score_row() const { return ROW_STEP(queries()); }     // from one key to the next
    METHOD int features() const { return (channels + 7) & ~7; }      // columns of queries, keys and values
    METHOD int feature_row() const { return ROW_STEP(features()); }  // from one of them to the next
};

// One head of one window of one picture, and what its team shares.
struct Head {
    const Windows& m;
    int *cell, *region;  // of each token: its cell, -1 beyond the map; and where it came from
    index_t image;       // its picture's first cell
    int h;

    METHOD void enter(index_t window) {  // among those of all pictures
        const int w = (int)(window % m.count()), top = w / m.across() * m.size, left = w % m.across() * m.size;
        const int rows = m.down() * m.size, columns = m.across() * m.size;
        image = window / m.count() * m.height * m.width;
        GROUP_LOOP (i, m.size, m.size) {
            const int r = around(top + i + m.shift, rows), part = 3 * part_of(top + i, rows);
            GROUP_LANES (j, m.size, i) {
                const int c = around(left + j + m.shift, columns);
                cell[i * m.size + j] = r < m.height && c < m.width ? r * m.width + c : -1;
                region[i * m.size + j] = part + part_of(left + j, columns);
            }
        }
    }
    METHOD static int around(int at, int n) { return at < n ? at : at - n; }
    METHOD int part_of(int at, int n) const { return at < n - m.size ? 0 : at < n - m.shift ? 1 : 2; }
    // rows[i, :] = factor · the queries (part 0), keys (1) or values (2) of tokens first … first + n - 1
    METHOD void read(acc* rows, const real* qkv, const acc* padding, int part, int first, int n, acc factor) const {
        const int channels = m.channels, offset = (part * m.heads + h) * channels;
        GROUP_LOOP (i, n, m.features()) {
            acc* RESTRICT to = rows + i * m.feature_row();
            const int at = cell[first + i];
            if (at >= 0) {
                const real* RESTRICT from = qkv + (image + at) * m.stride() + offset;
                GROUP_LANES (c, channels, i) to[c] = factor * (acc)from[c];
            } else {
                GROUP_LANES (c, channels, i) to[c] = factor * padding[offset + c];
            }
            GROUP_LANES (c, m.features() - channels, i) to[channels + c] = 0;
        }
    }
    // rows[i, :] = the gradient of the output of tokens first … first + n - 1: zeros beyond the map
    METHOD void read_gradient(acc* rows, const real* dy, int first, int n) const {
        GROUP_LOOP (i, n, m.features()) {
            acc* RESTRICT to = rows + i * m.feature_row();
            const int at = cell[first + i], inside = at < 0 ? 0 : m.channels;
            const real* RESTRICT from = dy + ((image + m_max(at, 0)) * m.heads + h) * m.channels;
            GROUP_LANES (c, inside, i) to[c] = (acc)from[c];
            GROUP_LANES (c, m.features() - inside, i) to[inside + c] = 0;
        }
    }
    // To cells of the map: rows[i, :] · (scale ? scale[i] : factor); `row` is the map's, `offset` the head's place in it.
    METHOD void write(real* map, int row, int offset, const acc* rows, int first, int n, const acc* scale, acc factor) const {
        GROUP_LOOP (i, n, m.channels) {
            const int at = cell[first + i], inside = at < 0 ? 0 : m.channels;
            real* RESTRICT to = map + (image + m_max(at, 0)) * row + offset;
            const acc* RESTRICT from = rows + i * m.feature_row();
            const acc s = scale ? scale[i] : factor;
            GROUP_LANES (c, inside, i) to[c] = (real)(s * from[c]);
        }
    }
    // columns[c, i] = rows[i, c], zeros from n on
    METHOD void turn(acc* columns, const acc* rows, int n) const {
        GROUP_LOOP (c, m.channels, m.queries()) {
            acc* RESTRICT to = columns + c * m.score_row();
            GROUP_LANES (i, n, c) to[i] = rows[i * m.feature_row() + c];
            GROUP_LANES (i, m.queries() - n, c) to[n + i] = 0;
        }
    }
    // scores[key, i] of queries first … first + n - 1 before the softmax; `columns` are the queries, scaled.
    METHOD void score(acc* scores, const acc* bias, const acc* keys, const acc* columns, int first, int n) const {
        GROUP_LOOP (j, m.cells(), m.queries()) {
            acc* RESTRICT row = scores + j * m.score_row();
            const acc* RESTRICT b = bias + ((index_t)h * m.cells() + j) * m.cells() + first;
            const int own = region[j];
            const int* RESTRICT other = region + first;
            GROUP_LANES (i, n, j) row[i] = b[i] + (other[i] == own ? acc(0) : acc(-100));
            GROUP_LANES (i, m.queries() - n, j) row[n + i] = 0;
        }
        team_product(m.cells(), m.queries(), m.channels, scores, m.score_row(), keys, m.feature_row(), 1, columns, m.score_row(), true);
    }
};

// out[i] = op over all keys of f(place in scores, i), which may still read out; four keys at a time, so that a wide team has work. `part`
// holds four rows of queries.
template <class F, class Op>
FN void fold_keys(acc* out, acc* part, const Windows& m, acc none, F f, Op op) {
    const int n = m.queries();
    GROUP_LOOP (g, 4, n) {
        GROUP_LANES (i, n, g) part[g * n + i] = none;
    }
    for (int j = 0; j < m.cells(); j += 4) {
        GROUP_LOOP (g, m_min(4, m.cells() - j), n) {
            acc* RESTRICT row = part + g * n;
            GROUP_LANES (i, n, g) row[i] = op(row[i], f((j + g) * m.score_row() + i, i));
        }
    }
    LANE_LOOP (i, n) out[i] = op(op(part[i], part[n + i]), op(part[2 * n + i], part[3 * n + i]));
}
FN acc larger(acc a, acc b) { return a < b ? b : a; }
FN acc sum(acc a, acc b) { return a + b; }

// scores = exp(scores - largest of the query), scale = 1 / their sum
FN void exponentials(acc* scores, acc* scale, acc* part, const Windows& m) {
    fold_keys(scale, part, m, -(acc)INFINITY, [&](int at, int) { return scores[at]; }, larger);
    fold_keys(scale, part, m, 0, [&](int at, int i) { return scores[at] = m_exp(scores[at] - scale[i]); }, sum);
    LANE_LOOP (i, m.queries()) scale[i] = acc(1) / scale[i];
}

// bias[head, key, query] = table[place of the query as seen from the key, head]; places [2 · size - 1, 2 · size - 1]
KERNEL(window_attention_bias, acc* bias, const acc* table, int size, int heads) {
    const int cells = size * size;
    ELEMENT_LOOP (e, (index_t)heads * cells * cells) {
        const int query = (int)(e % cells), key = (int)(e / cells % cells), head = (int)(e / cells / cells);
        const int row = query / size - key / size + size - 1, column = query % size - key % size + size - 1;
        bias[e] = table[(row * (2 * size - 1) + column) * heads + head];
    }
}

// dtable = the sum of dbias over all pairs of a table's entry
KERNEL(window_attention_bias_backward, acc* dtable, const acc* dbias, int size, int heads) {
    const int cells = size * size, side = 2 * size - 1;
    ELEMENT_LOOP (e, (index_t)side * side * heads) {
        const int head = (int)(e % heads), place = (int)(e / heads), row = place / side - size + 1, column = place % side - size + 1;
        acc total = 0;
        for (int r = m_max(0, -row); r < m_min(size, size - row); ++r) {
            for (int c = m_max(0, -column); c < m_min(size, size - column); ++c) {
                total += dbias[((index_t)head * cells + r * size + c) * cells + (r + row) * size + c + column];
            }
        }
        dtable[e] = total;
    }
}

KERNEL(window_attention_forward, real* y, const real* qkv, const acc* padding,
       const acc* bias,  // y [batch, height, width, heads · channels]
       index_t batch, int height, int width, int size, int shift, int heads, int channels, int tile, double root) {
    const Windows m = {height, width, size, shift, heads, channels, tile};
    TEAM_LOOP (t, batch * m.count() * heads) {
        TEAM_SCRATCH(int, cell, m.cells());
        TEAM_SCRATCH(int, region, m.cells());
        TEAM_SCRATCH(acc, keys, m.cells() * m.feature_row());
        TEAM_SCRATCH(acc, values, m.cells() * m.feature_row());
        TEAM_SCRATCH(acc, rows, m.queries() * m.feature_row());
        TEAM_SCRATCH(acc, columns, channels * m.score_row());
        TEAM_SCRATCH(acc, scores, m.cells() * m.score_row());
        TEAM_SCRATCH(acc, scale, m.queries());
        TEAM_SCRATCH(acc, part, 4 * m.queries());
        Head head = {m, cell, region, 0, (int)(t % heads)};
        head.enter(t / heads);
        head.read(keys, qkv, padding, 1, 0, m.cells(), 1);
        head.read(values, qkv, padding, 2, 0, m.cells(), 1);
        for (int first = 0; first < m.cells(); first += tile) {
            const int n = m_min(tile, m.cells() - first);
            head.read(rows, qkv, padding, 0, first, n, (acc)root);
            head.turn(columns, rows, n);
            head.score(scores, bias, keys, columns, first, n);
            exponentials(scores, scale, part, m);
            team_product(n, m.features(), m.cells(), rows, m.feature_row(), scores, 1, m.score_row(), values, m.feature_row(), false);
            head.write(y, heads * channels, head.h * channels, rows, first, n, scale, 0);
        }
    }
}

// One team has one head of a run of windows: what it adds up of dbias [runs, heads, keys, queries] and dpadding [runs, 3 · heads ·
// channels] is its own.
KERNEL(window_attention_backward, real* dqkv, acc* dpadding, acc* dbias, const real* dy, const real* qkv, const acc* padding,
       const acc* bias, index_t batch, int height, int width, int size, int shift, int heads, int channels, int tile, double root,
       int runs) {
    const Windows m = {height, width, size, shift, heads, channels, tile};
    const index_t windows = batch * m.count();
    TEAM_LOOP (t, (index_t)heads * runs) {
        TEAM_SCRATCH(int, cell, m.cells());
        TEAM_SCRATCH(int, region, m.cells());
        TEAM_SCRATCH(acc, keys, m.cells() * m.feature_row());
        TEAM_SCRATCH(acc, values, m.cells() * m.feature_row());
        TEAM_SCRATCH(acc, dkeys, m.cells() * m.feature_row());
        TEAM_SCRATCH(acc, dvalues, m.cells() * m.feature_row());
        TEAM_SCRATCH(acc, rows, m.queries() * m.feature_row());
        TEAM_SCRATCH(acc, drows, m.queries() * m.feature_row());
        TEAM_SCRATCH(acc, columns, channels * m.score_row());
        TEAM_SCRATCH(acc, dcolumns, channels * m.score_row());
        TEAM_SCRATCH(acc, scores, m.cells() * m.score_row());
        TEAM_SCRATCH(acc, dscores, m.cells() * m.score_row());
        TEAM_SCRATCH(acc, scale, m.queries());
        TEAM_SCRATCH(acc, part, 4 * m.queries());
        const index_t run = t / heads;
        Head head = {m, cell, region, 0, (int)(t % heads)};
        const int cells = m.cells(), n8 = m.queries(), score_row = m.score_row(), features = m.features(), feature_row = m.feature_row();
        acc* dbias_own = dbias + t * cells * cells;
        acc* dpadding_own = dpadding + run * m.stride() + head.h * channels;
        LANE_LOOP (e, cells * cells) dbias_own[e] = 0;
        GROUP_LOOP (p, 3, channels) {
            GROUP_LANES (c, channels, p) dpadding_own[p * heads * channels + c] = 0;
        }
        for (index_t w = windows * run / runs, end = windows * (run + 1) / runs; w < end; ++w) {
            head.enter(w);
            head.read(keys, qkv, padding, 1, 0, cells, 1);
            head.read(values, qkv, padding, 2, 0, cells, 1);
            for (int first = 0; first < cells; first += tile) {
                const int n = m_min(tile, cells - first);
                head.read(rows, qkv, padding, 0, first, n, (acc)root);
                head.read_gradient(drows, dy, first, n);
                head.turn(columns, rows, n);
                head.turn(dcolumns, drows, n);
                head.score(scores, bias, keys, columns, first, n);
                exponentials(scores, scale, part, m);
                // scores become probabilities, dscores first their gradients
                team_product(cells, n8, channels, dscores, score_row, values, feature_row, 1, dcolumns, score_row, false);
                fold_keys(scale, part, m, 0, [&](int at, int i) { return (scores[at] *= scale[i]) * dscores[at]; }, sum);
                GROUP_LOOP (j, cells, n8) {
                    acc *RESTRICT d = dscores + j * score_row, *RESTRICT sums = dbias_own + j * cells + first;
                    const acc* RESTRICT p = scores + j * score_row;
                    GROUP_LANES (i, n8, j) d[i] = p[i] * (d[i] - scale[i]);
                    GROUP_LANES (i, n, j) sums[i] += d[i];
                }
                const bool adds = first > 0;
                team_product(cells, features, n, dvalues, feature_row, scores, score_row, 1, drows, feature_row, adds);
                team_product(cells, features, n, dkeys, feature_row, dscores, score_row, 1, rows, feature_row, adds);
                team_product(n, features, cells, rows, feature_row, dscores, 1, score_row, keys, feature_row, false);
                head.write(dqkv, m.stride(), head.h * channels, rows, first, n, nullptr, (acc)root);
            }
            head.write(dqkv, m.stride(), (heads + head.h) * channels, dkeys, 0, cells, nullptr, 1);
            head.write(dqkv, m.stride(), (2 * heads + head.h) * channels, dvalues, 0, cells, nullptr, 1);
            for (int j = 0; j < cells; ++j) {
                if (cell[j] >= 0) continue;
                LANE_LOOP (c, channels) {
                    dpadding_own[heads * channels + c] += dkeys[j * feature_row + c];
                    dpadding_own[2 * heads * channels + c] += dvalues[j * feature_row + c];
                }
            }
        }
    }
}
