// The product of two matrices that are both stored along k: tiles are sums of outer products of their rows, read where they lie.
#include "product.h"
#include "scratch.h"

namespace {

// k runs once over all pixels of a batch, so the block of c is as large as its partial sums are cheap to hold.
constexpr int64_t kBlockCols = 512;
constexpr int64_t kBlockFloats = 512 << 10;
constexpr int64_t kStripRows = 32 * kTileRows;  // of a, and all columns of b of the block, fit the second-level cache

thread_local Scratch scratch;

struct Tile {
    const float* a;  // first row, at the tile's first element
    int64_t lda;
    const float* const* b;  // rows
    int64_t depth;
    Output output;
};

template <int Rows, int Vecs>
struct Outer {
    static void run(const Tile& t) {
        Vec sums[Rows][Vecs] = {};
        const float* a = t.a;
        for (int64_t p = 0; p < t.depth; p++, a += t.lda) {
            const float* b = t.b[p];
            Vec row[Vecs];
            each<1, Vecs>([&](int, int v) { row[v] = load(b + v * kLanes); });
            each<Rows, Vecs>([&](int i, int v) { sums[i][v] = multiply_add(splat(a[i]), row[v], sums[i][v]); });
        }
        complete(t.output, sums);
    }
};

// Adds one block of k to a strip of a block of c.
void multiply_strip(const OuterProduct& product, Range rows, Range cols, int64_t p, float* partial, int64_t ld_partial, float* room) {
    const int64_t depth = min(kDepth, product.k - p);
    const float* starts[kDepth];
    for (int64_t col = cols.begin; col < cols.end; col += kTileCols) {
        const int64_t tile_cols = min(kTileCols, cols.end - col), vecs = (tile_cols + kLanes - 1) / kLanes;
        product.find_b(p, depth, col, tile_cols, room, starts);
        for (int64_t row = rows.begin; row < rows.end; row += kTileRows) {
            int64_t offsets[kTileRows];
            for (int64_t i = 0; i < kTileRows; i++) offsets[i] = (row + i) * product.ldc;
            float* const sums = partial + (row - rows.begin) * ld_partial + col - cols.begin;
            const Output output = {&product.epilogue, product.c, offsets, col, tile_cols, sums, ld_partial, p == 0, p + depth >= product.k};
            kernel<Outer>(min(kTileRows, rows.end - row), vecs)({product.a + p * product.lda + row, product.lda, starts, depth, output});
        }
    }
}

}  // namespace

void multiply(const OuterProduct& product, Range rows, Range cols) {
    const int64_t k = product.k;
    if (rows.begin >= rows.end || cols.begin >= cols.end) return;
    const int64_t block_cols = min(kBlockCols, round_up(cols.end - cols.begin, kLanes));
    const int64_t block_rows = min(kBlockFloats / block_cols / kTileRows * kTileRows, rows.end - rows.begin);
    float* const partial = scratch.reserve(block_rows * block_cols + kDepth * kTileCols);
    float* const room = partial + block_rows * block_cols;

    for (int64_t col = cols.begin; col < cols.end; col += block_cols) {
        const int64_t n = min(block_cols, cols.end - col);
        for (int64_t row = rows.begin; row < rows.end; row += block_rows) {
            const int64_t m = min(block_rows, rows.end - row);
            int64_t p = 0;
            do {
                for (int64_t strip = 0; strip < m; strip += kStripRows)
                    multiply_strip(product, {row + strip, row + min(m, strip + kStripRows)}, {col, col + n}, p,
                                   partial + strip * block_cols, block_cols, room);
            } while ((p += kDepth) < k);
        }
    }
}

void multiply_share(const OuterProduct& product, int worker, int workers) {
    constexpr int64_t kFind = 1;
    const Block block = share(product.m, product.n, kFind, kFind, worker, workers);
    multiply(product, block.rows, block.cols);
}
