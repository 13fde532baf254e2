// The matrix product: packing of plain matrices, and how workers share batches.
#include "pack.h"
#include "product.h"

void transpose(const float* from, int64_t from_ld, int64_t width, int64_t height, float* to, int64_t to_ld) {
    for (int64_t y = 0; y < height; y += kLanes) {
        const int64_t present = height - y < kLanes ? height - y : kLanes;
        for (int64_t x = 0; x < width; x += kLanes) {
            const int64_t wanted = width - x < kLanes ? width - x : kLanes;
            const float* corner = from + y * from_ld + x;
            Vec rows[kLanes];
            if (present == kLanes && wanted == kLanes) {
                for (int i = 0; i < kLanes; i++) rows[i] = load(corner + i * from_ld);
            } else {
                for (int i = 0; i < kLanes; i++) rows[i] = i < present ? load_first(corner + i * from_ld, wanted) : Vec{};
            }
            transpose_lanes<kLanes / 2>(rows);
            for (int i = 0; i < kLanes; i++)
                if (i < wanted) store(to + (x + i) * to_ld + y, rows[i]);
        }
    }
}

namespace {

struct MatrixProduct final : Product {
    const float* a_data = nullptr;
    const float* b_data = nullptr;
    int64_t a_ld = 0, b_ld = 0, ldc = 0;
    bool trans_a = false, trans_b = false;

    int64_t locate_a(int64_t row, int64_t rows, int64_t p0, int64_t depth, float* room, int64_t ld, const float** starts,
                     int64_t) const override {
        if (trans_a) transpose(a_data + p0 * a_ld + row, a_ld, rows, depth, room, ld);
        for (int64_t i = 0; i < rows; i++) starts[i] = trans_a ? room + i * ld : a_data + (row + i) * a_ld + p0;
        return depth;
    }

    const float* find_b(int64_t p0, int64_t depth, int64_t col, int64_t cols, float* room, int64_t width) const override {
        if (trans_b) {
            transpose(b_data + col * b_ld + p0, b_ld, depth, cols, room, width);
        } else {
            for (int64_t p = 0; p < depth; p++) copy_padded(room + p * width, b_data + (p0 + p) * b_ld + col, cols);
        }
        return room;
    }

    void place(int64_t row, int64_t rows, int64_t* offsets) const override {
        for (int64_t i = 0; i < rows; i++) offsets[i] = (row + i) * ldc;
    }
};

// aᵀ b, both as they are stored.
struct MatrixOuterProduct final : OuterProduct {
    const float* b_data = nullptr;
    int64_t b_ld = 0;

    void find_b(int64_t p0, int64_t depth, int64_t col, int64_t cols, float* room, const float** starts) const override {
        const float* from = b_data + p0 * b_ld + col;
        for (int64_t p = 0; p < depth; p++, from += b_ld) {
            starts[p] = from;
            if (cols % kLanes == 0) continue;
            starts[p] = room + p * kTileCols;
            copy_padded(room + p * kTileCols, from, cols);
        }
    }
};

Epilogue epilogue_of(const GemmArgs& args) { return {args.scale, args.bias, args.residual, args.alpha, args.activation, args.accumulate}; }

MatrixProduct product_of(const GemmArgs& args) {
    MatrixProduct product;
    product.m = args.m, product.n = args.n, product.k = args.k;
    product.c = args.c;
    product.epilogue = epilogue_of(args);
    product.a_data = args.a, product.b_data = args.b;
    product.a_ld = args.lda, product.b_ld = args.ldb, product.ldc = args.ldc;
    product.trans_a = args.trans_a, product.trans_b = args.trans_b;
    return product;
}

MatrixOuterProduct outer_product_of(const GemmArgs& args) {
    MatrixOuterProduct product;
    product.m = args.m, product.n = args.n, product.k = args.k;
    product.a = args.a, product.b_data = args.b, product.c = args.c;
    product.lda = args.lda, product.b_ld = args.ldb, product.ldc = args.ldc;
    product.epilogue = epilogue_of(args);
    return product;
}

// One matrix of the batch.
GemmArgs element(const GemmArgs& args, int64_t index) {
    GemmArgs one = args;
    one.a += index * args.stride_a, one.b += index * args.stride_b, one.c += index * args.stride_c;
    if (one.residual) one.residual += index * args.stride_c;
    return one;
}

}  // namespace

void cpu_gemm(const GemmArgs* args, int worker, int workers) {
    if (args->m <= 0 || args->n <= 0 || args->batch <= 0) return;
    const bool outer = args->trans_a && !args->trans_b;
    // A batch of matrices one below the other, times one shared matrix, is one product.
    const bool stacked =
        args->stride_b == 0 && !args->trans_a && args->stride_a == args->m * args->lda && args->stride_c == args->m * args->ldc;
    if (stacked || args->batch == 1) {
        if (outer) return multiply_share(outer_product_of(*args), worker, workers);
        MatrixProduct product = product_of(*args);
        product.m *= args->batch;
        return multiply_share(product, worker, workers);
    }

    const int64_t tiles = (args->m + kTileRows - 1) / kTileRows;
    const Range share = part(tiles * args->batch, 1, worker, workers);
    for (int64_t index = share.begin / tiles; index * tiles < share.end; index++) {
        const int64_t first = index * tiles, begin = share.begin > first ? share.begin - first : 0, end = min(share.end - first, tiles);
        const Range rows = {begin * kTileRows, min(end * kTileRows, args->m)}, cols = {0, args->n};
        if (outer) multiply(outer_product_of(element(*args, index)), rows, cols);
        else multiply(product_of(element(*args, index)), rows, cols);
    }
}
