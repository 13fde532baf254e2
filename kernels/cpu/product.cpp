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
    const float* const* a;  // starts of the segments of the rows, a_stride from one segment to the next
    int64_t a_stride, segments, length;
    const float* b;  // (segments · length, width) of the tile
    Output output;
};

// One tile of Rows × (Vecs · kLanes) and one block of k. The sums stay in registers to the end.
template <int Rows, int Vecs>
struct Inner {
    static void run(const Tile& t) {
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
        complete(t.output, sums);
    }
};

}  // namespace

void finish(const Output& t, const float* sums, int64_t ld, int64_t rows) {
    const Epilogue& epilogue = *t.epilogue;
    float* const c = t.c;
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
                        const Output output = {&product.epilogue, product.c, offsets + i,
                                               col + j,           tile_cols, partial + i * block_cols + j,
                                               block_cols,        p == 0,    p + depth >= k};
                        const Tile tile = {starts + i, starts_stride, segments, length, b, output};
                        kernel<Inner>(min(kTileRows, m - i), vecs)(tile);
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
