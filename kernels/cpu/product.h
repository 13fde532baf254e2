// Blocked matrix products c = finish(a · b) whose operands are found block by block wherever they lie: in matrices, or in the images of a
// convolution.
//
// Every element of c is the sum over blocks of kDepth of sums that run along k one by one. Nothing else decides the order: neither the tile
// in which the element lies nor the share of the worker, so its bits are the same for any number of workers.
#pragma once

#include "tile.h"

struct Range {
    int64_t begin, end;
};

// Part `index` of `count` nearly equal parts of 0 .. limit, cut at multiples of `unit`.
inline Range part(int64_t limit, int64_t unit, int64_t index, int64_t count) {
    const int64_t units = (limit + unit - 1) / unit;
    const int64_t begin = units * index / count * unit, end = units * (index + 1) / count * unit;
    return {begin < limit ? begin : limit, end < limit ? end : limit};
}

struct Product {
    int64_t m = 0, n = 0, k = 0;
    float* c = nullptr;
    Epilogue epilogue;
    int64_t run = 0;  // if not 0: no segment of a crosses a multiple of it

    // Finds a[row .. row + rows, p0 .. p0 + depth]: each row in segments of equal length, starts[s * stride + i] where segment s of row + i
    // lies. Returns that length. What does not lie in memory as it is needed is built in `room`, which has `ld` ≥ depth (a multiple of
    // kLanes) for each row.
    virtual int64_t locate_a(int64_t row, int64_t rows, int64_t p0, int64_t depth, float* room, int64_t ld, const float** starts,
                             int64_t stride) const = 0;
    // Where b[p0 .. p0 + depth, col .. col + cols] lies, rows `width` apart, filled up with zeros to a multiple of kLanes columns: in
    // `room`, or already packed.
    virtual const float* find_b(int64_t p0, int64_t depth, int64_t col, int64_t cols, float* room, int64_t width) const = 0;
    // The places of the first elements of rows of c.
    virtual void place(int64_t row, int64_t rows, int64_t* offsets) const = 0;

protected:
    ~Product() = default;
};

// The block rows × cols of c, by this thread alone.
void multiply(const Product& product, Range rows, Range cols);

struct Block {
    Range rows, cols;
};

// The share of one worker of a product of m × n: of its rows or of its columns, whichever costs less, where finding an element of a (b)
// costs as much as using it for find_a columns (find_b rows).
Block share(int64_t m, int64_t n, int64_t find_a, int64_t find_b, int worker, int workers);

// This worker's share of the product.
void multiply_share(const Product& product, int worker, int workers);

// c = finish(aᵀ · b) where the rows of a and b run along m and n and need no packing: a weight's gradient, the sum over all k of outer
// products.
struct OuterProduct {
    int64_t m = 0, n = 0, k = 0;
    const float* a = nullptr;  // (k, m), rows lda apart
    int64_t lda = 0;
    float* c = nullptr;
    int64_t ldc = 0;
    Epilogue epilogue;

    // starts[p] = where b[p0 + p, col .. col + cols] lies, for p < depth. If cols is no multiple of kLanes, it is filled up with zeros to
    // one. Rows that do not lie in memory like that are built in `room`, kTileCols for each.
    virtual void find_b(int64_t p0, int64_t depth, int64_t col, int64_t cols, float* room, const float** starts) const = 0;

protected:
    ~OuterProduct() = default;
};

void multiply(const OuterProduct& product, Range rows, Range cols);
void multiply_share(const OuterProduct& product, int worker, int workers);
