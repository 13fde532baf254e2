// What tiles of c have in common, however their sums came about.
#pragma once

#include <utility>

#include "epilogue.h"

constexpr int kTileRows = 6;                     // a tile of c lives in registers: 6 rows of broadcasts of a against
constexpr int kTileVecs = kLanes == 16 ? 4 : 2;  // 4 vectors of b where there are 32 registers, or 2 where there are 16
constexpr int kTileCols = kTileVecs * kLanes;
constexpr int64_t kDepth = 256;  // k of a block: a tile's strips of a and b stream from the second-level cache at full speed

inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t round_up(int64_t a, int64_t unit) { return (a + unit - 1) / unit * unit; }

struct Output {
    const Epilogue* epilogue;
    float* c;
    const int64_t* offsets;  // of the tile's rows in c
    int64_t col, cols;
    float* partial;  // sums of the blocks of k so far, rows ld_partial apart
    int64_t ld_partial;
    bool first, last;  // block of k
};

// From sums in memory to c, a vector at a time: for tiles whose last vector is not full, and for costly activations.
void finish(const Output& t, const float* sums, int64_t ld, int64_t rows);

// Calls f(i, v) for each vector of a tile, with i and v known to the compiler: left a loop, the tile would live in memory.
template <int Rows, int Vecs, class F>
inline __attribute__((always_inline)) void each(F f) {
    UNROLL
    for (int i = 0; i < Rows; i++) {
        UNROLL
        for (int v = 0; v < Vecs; v++) f(i, v);
    }
}

// Brings the sums of one block of k, still in registers, to where they belong: to the partial sums, or through the last steps to c.
template <int Rows, int Vecs>
inline __attribute__((always_inline)) void complete(const Output& t, Vec (&sums)[Rows][Vecs]) {
    constexpr int width = Vecs * kLanes;
    if (!t.first) each<Rows, Vecs>([&](int i, int v) { sums[i][v] += load(t.partial + i * t.ld_partial + v * kLanes); });
    if (!t.last) return each<Rows, Vecs>([&](int i, int v) { store(t.partial + i * t.ld_partial + v * kLanes, sums[i][v]); });

    const Epilogue& epilogue = *t.epilogue;
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
    float* const c = t.c;
    each<Rows, Vecs>([&](int i, int v) {
        const int64_t at = t.offsets[i] + t.col + v * kLanes;
        Vec x = multiply_add(sums[i][v], scale[v], bias[v]);
        if (epilogue.residual) x += load(epilogue.residual + at);
        if (epilogue.activation == kRelu) x = max(x, Vec{});
        if (epilogue.accumulate) x += load(c + at);
        store(c + at, x);
    });
}

// Kernel<Rows, Vecs>::run for a tile of so many rows and vectors.
template <template <int, int> class Kernel, int... Index>
inline auto choose(int index, std::integer_sequence<int, Index...>) {
    constexpr decltype(&Kernel<1, 1>::run) all[] = {Kernel<Index / kTileVecs + 1, Index % kTileVecs + 1>::run...};
    return all[index];
}

template <template <int, int> class Kernel>
inline auto kernel(int64_t rows, int64_t vecs) {
    return choose<Kernel>(static_cast<int>((rows - 1) * kTileVecs + vecs - 1), std::make_integer_sequence<int, kTileRows * kTileVecs>());
}
