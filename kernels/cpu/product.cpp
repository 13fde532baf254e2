// The blocked product: blocks for the caches, tiles for the registers.
#include "product.h"

#include "scratch.h"

namespace {

// Blocks of c of kBlockRows × kBlockCols: the packed blocks of a and b and the partial sums together fit the second-level cache (1 MB).
constexpr int64_t kBlockRows = 32 * kTileRows;
constexpr int64_t kBlockCols = 256;
constexpr int64_t kKeptFloats = 4 << 20;  // a packed strip of b up to this size is packed once and kept for all blocks of rows
constexpr int64_t kMaxSegments = kDepth / kLanes;

thread_local Scratch scratch;

struct Tile {
    const Product* product;
    const float* const* a;  // starts of the segments of the rows, a_stride from one segment to the next
    int64_t a_stride, segments, length;
    const float* b;  // (segments · length, width) of the tile
    float* partial;  // sums of the blocks of k so far, rows ld_partial apart
    int64_t ld_partial;
    const int64_t* offsets;  // of the rows in c
    int64_t col, cols;
    bool first, last;  // block of k
};

// From sums in memory to c, a vector at a time: for tiles whose last vector is not full, and for costly activations.
void finish(const Tile& t, const float* sums, int64_t ld, int64_t rows) {
    const Epilogue& epilogue = t.product->epilogue;
    float* const c = t.product->c;
    for (int64_t j = 0; j < t.cols; j += kLanes) {
        const int64_t count = t.cols - j < kLanes ? t.cols - j : kLanes, col = t.col + j;
        const auto read = [count](const float* from) { return count == kLanes ? load(from) : load_first(from, count); };
        const Vec scale = epilogue.column_scale(col, read), bias = epilogue.column_bias(col, read);
        for (int64_t i = 0; i < rows; i++) {
            const int64_t at = t.offsets[i] + col;
            const Vec x = epilogue.finish(load(sums + i * ld + j), scale, bias, c, at, read);
            if (count == kLanes) store(c + at, x);
            else store_first(c + at, x, count);
        }
    }
}

// Calls f(i, v) for each vector of a tile, with i and v known to the compiler: left a loop, the tile would live in memory.
template <int Rows, int Vecs, class F>
inline __attribute__((always_inline)) void each(F f) {
    UNROLL
    for (int i = 0; i < Rows; i++) {
        UNROLL
        for (int v = 0; v < Vecs; v++) f(i, v);
    }
}

// One tile of Rows × (Vecs · kLanes) and one block of k. The sums stay in registers to the end.
template <int Rows, int Vecs>
void compute(const Tile& t) {
    constexpr int width = Vecs * kLanes;
    Vec sums[Rows][Vecs] = {};
    const float* b = t.b;
    for (int64_t segment = 0; segment < t.segments; segment++) {
        const float* const* starts = t.a + segment * t.a_stride;
        const float* a[Rows];
        each<Rows, 1>([&](int i, int) { a[i] = starts[i]; });
        for (int64_t p = 0; p < t.length; p++, b += width) {
            // The rows of the next tile are on their way to the cache while this one is computed.
            __builtin_prefetch(starts[kTileRows + (p & 7)] + p);
            Vec row[Vecs];
            each<1, Vecs>([&](int, int v) { row[v] = load(b + v * kLanes); });
            each<Rows, Vecs>([&](int i, int v) { sums[i][v] = multiply_add(splat(a[i][p]), row[v], sums[i][v]); });
        }
    }
    if (!t.first) each<Rows, Vecs>([&](int i, int v) { sums[i][v] += load(t.partial + i * t.ld_partial + v * kLanes); });
    if (!t.last) return each<Rows, Vecs>([&](int i, int v) { store(t.partial + i * t.ld_partial + v * kLanes, sums[i][v]); });

    const Epilogue& epilogue = t.product->epilogue;
    if (t.cols < width || epilogue.activation > kRelu) {
        float tile[Rows * width];
        each<Rows, Vecs>([&](int i, int v) { store(tile + i * width + v * kLanes, sums[i][v]); });
        return finish(t, tile, width, Rows);
    }
    Vec scale[Vecs], bias[Vecs];
    each<1, Vecs>([&](int, int v) {
        scale[v] = epilogue.column_scale(t.col + v * kLanes, load);
        bias[v] = epilogue.column_bias(t.col + v * kLanes, load);
    });
    // As Epilogue::finish, without the costly activations.
    float* const c = t.product->c;
    each<Rows, Vecs>([&](int i, int v) {
        const int64_t at = t.offsets[i] + t.col + v * kLanes;
        Vec x = multiply_add(sums[i][v], scale[v], bias[v]);
        if (epilogue.residual) x += load(epilogue.residual + at);
        if (epilogue.activation == kRelu) x = max(x, Vec{});
        if (epilogue.accumulate) x += load(c + at);
        store(c + at, x);
    });
}

using Compute = void (*)(const Tile&);

template <int... Index>
constexpr Compute choose(int index, std::integer_sequence<int, Index...>) {
    constexpr Compute all[] = {compute<Index / kTileVecs + 1, Index % kTileVecs + 1>...};
    return all[index];
}

Compute kernel(int64_t rows, int64_t vecs) {
    const int index = static_cast<int>((rows - 1) * kTileVecs + vecs - 1);
    return choose(index, std::make_integer_sequence<int, kTileRows * kTileVecs>());
}

int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t round_up(int64_t a, int64_t unit) { return (a + unit - 1) / unit * unit; }

}  // namespace

void multiply(const Product& product, Range rows, Range cols) {
    const int64_t k = product.k, run = product.run;
    if (rows.begin >= rows.end || cols.begin >= cols.end) return;
    // Blocks of nearly equal size: no short last one.
    const int64_t row_blocks = (rows.end - rows.begin + kBlockRows - 1) / kBlockRows;
    const int64_t block_rows = round_up((rows.end - rows.begin + row_blocks - 1) / row_blocks, kTileRows);
    const int64_t block_cols = min(kBlockCols, round_up(cols.end - cols.begin, kLanes));
    const int64_t block_depth = min(kDepth, round_up(k, kLanes));
    const bool keep = row_blocks > 1 && block_cols * k <= kKeptFloats;
    const int64_t starts_stride = block_rows + 8, starts_floats = starts_stride * kMaxSegments * 2;
    float* const room = scratch.reserve(block_rows * (block_depth + block_cols) + block_cols * (keep ? k : block_depth) + starts_floats);
    float* const partial = room + block_rows * block_depth;
    float* const packed_b = partial + block_rows * block_cols;
    const float** const starts = reinterpret_cast<const float**>(packed_b + block_cols * (keep ? k : block_depth));
    int64_t offsets[kBlockRows];

    for (int64_t col = cols.begin; col < cols.end; col += kBlockCols) {
        const int64_t n = min(kBlockCols, cols.end - col);
        for (int64_t row = rows.begin; row < rows.end; row += block_rows) {
            const int64_t m = min(block_rows, rows.end - row);
            product.place(row, m, offsets);
            int64_t p = 0, depth;
            do {
                depth = min(k - p, run == 0 ? kDepth : run > kDepth ? min(kDepth, run - p % run) : kDepth / run * run);
                const int64_t length = product.locate_a(row, m, p, depth, room, block_depth, starts, starts_stride);
                const int64_t segments = length ? depth / length : 0;
                for (int64_t s = 0; s < segments; s++)  // for the prefetch of rows behind the last tile
                    for (int64_t i = m; i < starts_stride; i++) starts[s * starts_stride + i] = starts[s * starts_stride + m - 1];
                float* const packed = keep ? packed_b + p * block_cols : packed_b;
                const bool pack = !keep || row == rows.begin;
                for (int64_t j = 0; j < n; j += kTileCols) {
                    const int64_t tile_cols = min(kTileCols, n - j), vecs = (tile_cols + kLanes - 1) / kLanes;
                    const float* b = packed + j * depth;
                    if (pack) b = product.find_b(p, depth, col + j, tile_cols, packed + j * depth, vecs * kLanes);
                    for (int64_t i = 0; i < m; i += kTileRows) {
                        const Tile tile = {
                            &product,    starts + i, starts_stride, segments, length,        b, partial + i * block_cols + j, block_cols,
                            offsets + i, col + j,    tile_cols,     p == 0,   p + depth >= k};
                        kernel(min(kTileRows, m - i), vecs)(tile);
                    }
                }
            } while ((p += depth) < k);
        }
    }
}

Block share(int64_t m, int64_t n, int64_t find_a, int64_t find_b, int worker, int workers) {
    constexpr int64_t kColUnit = 2 * kLanes;
    const int64_t share_m = min(m, (m + kTileRows * workers - 1) / (kTileRows * workers) * kTileRows);
    const int64_t share_n = min(n, (n + kColUnit * workers - 1) / (kColUnit * workers) * kColUnit);
    const auto cost = [=](int64_t rows, int64_t cols) { return rows * cols + find_a * rows + find_b * cols; };
    const bool by_rows = cost(share_m, n) <= cost(m, share_n);
    if (by_rows) return {part(m, kTileRows, worker, workers), {0, n}};
    return {{0, m}, part(n, kColUnit, worker, workers)};
}

void multiply_share(const Product& product, int worker, int workers) {
    constexpr int64_t kFindA = 2, kPackB = 6;
    const Block block = share(product.m, product.n, kFindA, kPackB, worker, workers);
    multiply(product, block.rows, block.cols);
}
