// The blocked product: blocks for the caches, tiles for the registers.
#include "product.h"

#include <cstdlib>

#include "activation.h"

namespace {

// Blocks of c of kBlockRows × kBlockCols: the packed blocks of a and b and the partial sums together fit the second-level cache (1 MB).
constexpr int64_t kBlockRows = 32 * kTileRows;
constexpr int64_t kBlockCols = 256;
constexpr int64_t kKeptFloats = 4 << 20;  // a packed strip of b up to this size is packed once and kept for all blocks of rows
constexpr int64_t kMaxSegments = kDepth / kLanes;

// Memory of one worker, kept from call to call.
class Scratch {
public:
    ~Scratch() { std::free(data_); }

    float* reserve(int64_t floats) {
        if (floats > size_) {
            std::free(data_);
            size_ = (floats + 1023) / 1024 * 1024;
            data_ = static_cast<float*>(std::aligned_alloc(4096, static_cast<size_t>(size_) * sizeof(float)));
            if (!data_) std::abort();
        }
        return data_;
    }

private:
    float* data_ = nullptr;
    int64_t size_ = 0;
};

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

// The last steps from sum to output, for tiles with an odd number of columns or a costly activation: from memory, a vector at a time.
void finish(const Tile& t, const float* sums, int64_t ld, int64_t rows) {
    const Product& product = *t.product;
    for (int64_t j = 0; j < t.cols; j += kLanes) {
        const int64_t count = t.cols - j < kLanes ? t.cols - j : kLanes, col = t.col + j;
        const auto read = [count](const float* from) { return count == kLanes ? load(from) : load_first(from, count); };
        const Vec scale = product.scale ? product.alpha * read(product.scale + col) : splat(product.alpha);
        const Vec bias = product.bias ? read(product.bias + col) : Vec{};
        for (int64_t i = 0; i < rows; i++) {
            Vec x = multiply_add(load(sums + i * ld + j), scale, bias);
            if (product.residual) x += read(product.residual + t.offsets[i] + col);
            x = activate(x, product.activation);
            float* to = product.c + t.offsets[i] + col;
            if (product.accumulate) x += read(to);
            if (count == kLanes) store(to, x);
            else store_first(to, x, count);
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

    const Product& product = *t.product;
    if (t.cols < width || product.activation > kRelu) {
        float tile[Rows * width];
        each<Rows, Vecs>([&](int i, int v) { store(tile + i * width + v * kLanes, sums[i][v]); });
        return finish(t, tile, width, Rows);
    }
    Vec scale[Vecs], bias[Vecs];
    each<1, Vecs>([&](int, int v) {
        scale[v] = product.scale ? product.alpha * load(product.scale + t.col + v * kLanes) : splat(product.alpha);
        bias[v] = product.bias ? load(product.bias + t.col + v * kLanes) : Vec{};
    });
    each<Rows, Vecs>([&](int i, int v) {
        const int64_t at = t.offsets[i] + t.col + v * kLanes;
        Vec x = multiply_add(sums[i][v], scale[v], bias[v]);
        if (product.residual) x += load(product.residual + at);
        if (product.activation == kRelu) x = max(x, Vec{});
        if (product.accumulate) x += load(product.c + at);
        store(product.c + at, x);
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
                float* const b = keep ? packed_b + p * block_cols : packed_b;
                const bool pack = !keep || row == rows.begin;
                for (int64_t j = 0; j < n; j += kTileCols) {
                    const int64_t tile_cols = min(kTileCols, n - j), vecs = (tile_cols + kLanes - 1) / kLanes;
                    if (pack) product.pack_b(p, depth, col + j, tile_cols, b + j * depth, vecs * kLanes);
                    for (int64_t i = 0; i < m; i += kTileRows) {
                        const Tile tile = {
                            &product,   starts + i,  starts_stride, segments,  length, b + j * depth, partial + i * block_cols + j,
                            block_cols, offsets + i, col + j,       tile_cols, p == 0, p + depth >= k};
                        kernel(min(kTileRows, m - i), vecs)(tile);
                    }
                }
            } while ((p += depth) < k);
        }
    }
}

void multiply_share(const Product& product, int worker, int workers) {
    const int64_t m = product.m, n = product.n;
    constexpr int64_t kColUnit = 2 * kLanes;
    // Packing an element of b costs about as much as using it for so many rows of c; finding one of a, for so many columns.
    constexpr int64_t kPackB = 6, kFindA = 2;
    const int64_t share_m = min(m, (m + kTileRows * workers - 1) / (kTileRows * workers) * kTileRows);
    const int64_t share_n = min(n, (n + kColUnit * workers - 1) / (kColUnit * workers) * kColUnit);
    const auto cost = [](int64_t rows, int64_t cols) { return rows * cols + kFindA * rows + kPackB * cols; };
    const bool by_rows = cost(share_m, n) <= cost(m, share_n);
    if (by_rows) multiply(product, part(m, kTileRows, worker, workers), {0, n});
    else multiply(product, {0, m}, part(n, kColUnit, worker, workers));
}
