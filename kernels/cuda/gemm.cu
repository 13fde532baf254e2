#include "cuda/tile.h"

// Products of matrices. The tile is the caller's choice: large ones read least, small ones fill the card when c is small or narrow.
template <class Tile>
FN void gemm(const Product& p) {
    __shared__ typename Tile::Shared shared;
    const Place<Tile> place(p);
    const bool single_a = is_single(p.single_a), single_b = is_single(p.single_b);
    const char* const a = (const char*)p.a + place.product * p.step_a * (single_a ? 4 : sizeof(real));
    const char* const b = (const char*)p.b + place.product * p.step_b * (single_b ? 4 : sizeof(real));
    Matrix<Tile::kM, Tile::kThreads> rows(a, p.lda, p.k_major_a, single_a, p.whole_a, place.row, p.m, place.k_begin, place.k_end);
    Matrix<Tile::kN, Tile::kThreads> cols(b, p.ldb, p.k_major_b, single_b, p.whole_b, place.col, p.n, place.k_begin, place.k_end);
    multiply_tile(p, place, shared, rows, cols);
}

BLOCKS(gemm_128x128, Product, 256, kNarrow ? 1 : 2);  // chunks of either type take more registers
BLOCKS(gemm_64x64, Product, 128, 4);
BLOCKS(gemm_128x32, Product, 128, 4);

KERNEL(gemm_128x128, Product p) { gemm<Tile<2, 2, 4, 2>>(p); }
KERNEL(gemm_64x64, Product p) { gemm<Tile<2, 1, 2, 2>>(p); }
KERNEL(gemm_128x32, Product p) { gemm<Tile<2, 1, 4, 1>>(p); }
KERNEL(gemm_finish, Product p) { finish_parts(p); }
