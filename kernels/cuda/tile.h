// One block's tile of a product. Operands come through registers, one after the other, into one of two buffers while the other is
// multiplied: one barrier a step.
#pragma once
#include "cuda/product.h"

// The rectangle of a block: warps of 16·rows × 32·cols, warps_m × warps_n of them.
template <int rows, int cols, int warps_m, int warps_n>
struct Tile {
    static constexpr int kRows = rows, kCols = cols, kWarpsN = warps_n;
    static constexpr int kThreads = 32 * warps_m * warps_n;
    static constexpr int kM = 16 * rows * warps_m, kN = 32 * cols * warps_n;
    static constexpr int kStage = 16 * 8 * cols;  // float4s of a warp's 16 rows on their way out
    // A thread's sums: of FFMA [rows][4 rows][cols][4 columns], of the tensor cores [rows][4·cols fragments][4].
    struct Sums {
        float v[rows][16 * cols];
    };
    union Shared {
        struct {
            SharedTile<kM> a;
            SharedTile<kN> b;
        } buffer[2];
        float4 stage[warps_m * warps_n * kStage];
    };
};

// Says before a kernel's definition how many threads its blocks have and how many blocks share a multiprocessor: what bounds its registers.
#define BLOCKS(name, argument, threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks) name(argument)

// Where a block works: its product of the batch, its part of k and its corner of c. Neighbouring blocks share rows of a.
template <class Tile>
struct Place {
    int product, split, row, col, k_begin, k_end;

    METHOD Place(const Product& p) {
        const int tiles_n = (p.n + Tile::kN - 1) / Tile::kN, tiles_m = (p.m + Tile::kM - 1) / Tile::kM;
        unsigned i = blockIdx.x;
        col = (int)(i % tiles_n) * Tile::kN, i /= tiles_n;
        row = (int)(i % tiles_m) * Tile::kM, i /= tiles_m;
        split = (int)(i % p.splits), product = (int)(i / p.splits);
        k_begin = split * p.depth, k_end = m_min(p.k - k_begin, p.depth) + k_begin;
    }
};

struct Lane {
    const int lane, warp;
    METHOD Lane(int thread) : lane(thread & 31), warp(thread >> 5) {}
};

// Lanes 8 to a row of 4 × 4 blocks: a lane's rows are 16 apart, its columns 32.
template <class Tile, int half>
FN void multiply_plain(const float* a, const float* b, typename Tile::Sums& sums) {
    const Lane at(fresh_thread());
    const int row = at.warp / Tile::kWarpsN * 16 * Tile::kRows + at.lane / 8 * 4;
    const int col = at.warp % Tile::kWarpsN * 32 * Tile::kCols + at.lane % 8 * 4;
    UNROLL for (int q = 2 * half; q < 2 * half + 2; ++q) {
        UNROLL for (int k = 0; k < 4; ++k) {
            float av[4 * Tile::kRows], bv[4 * Tile::kCols];
            UNROLL for (int i = 0; i < Tile::kRows; ++i) * (float4*)(av + 4 * i) =
                *(const float4*)(a + q * SharedTile<Tile::kM>::kFours + k * Tile::kM + row + 16 * i);
            UNROLL for (int j = 0; j < Tile::kCols; ++j) * (float4*)(bv + 4 * j) =
                *(const float4*)(b + q * SharedTile<Tile::kN>::kFours + k * Tile::kN + col + 32 * j);
            UNROLL for (int i = 0; i < 4 * Tile::kRows; ++i) {
                UNROLL for (int j = 0; j < 4 * Tile::kCols; ++j) sums.v[i / 4][i % 4 * 4 * Tile::kCols + j] += av[i] * bv[j];
            }
        }
    }
}

// Four 8 × 8 matrices of a tile. Two lie side by side along the operand's rows (a) or columns (b), two along k; `first_k` says which of
// these directions is counted first.
template <int size>
FN void read_fragments(uint32_t (&v)[4], const SharedTile<size>& tile, int lane, bool k_major, int first, int k, bool first_k) {
    const int low = lane >> 3 & 1, high = lane >> 4;
    const int over = first_k ? high : low, deep = first_k ? low : high;
    if (k_major) {
        const int line = k + 8 * deep + (lane & 7), c = first / 8 + over;
        const uint32_t from = (uint32_t)__cvta_generic_to_shared(&tile.at[line * (size / 8) + exchanged<size / 8>(c, line)]);
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
                     : "r"(from)
                     : "memory");
    } else {
        const int line = first + 8 * over + (lane & 7), c = k / 8 + deep;
        const uint32_t from = (uint32_t)__cvta_generic_to_shared(&tile.at[line * 4 + exchanged<4>(c, line)]);
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
                     : "r"(from)
                     : "memory");
    }
}

#define MMA_16(type)                                                                    \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type                 \
                 ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                       \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
#define MMA_8(i)                                                                                                        \
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};" \
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                                       \
                 : "r"(a[2 * i]), "r"(a[2 * i + 1]), "r"(b[i]))

// c[16, 8] += a[16, 16] b[16, 8], spread over a warp.
FN void multiply_fragments(float* c, const uint32_t* a, const uint32_t* b) {
#if __CUDA_ARCH__ >= 800
    if constexpr (kSame<real, bf16>) MMA_16("bf16");
    else MMA_16("f16");
#else
    MMA_8(0);
    MMA_8(1);
#endif
}

template <class Tile, int half>
FN void multiply_tensor(const SharedTile<Tile::kM>& a, const SharedTile<Tile::kN>& b, bool k_major_a, bool k_major_b,
                        typename Tile::Sums& sums) {
    const Lane at(fresh_thread());
    const int row = at.warp / Tile::kWarpsN * 16 * Tile::kRows, col = at.warp % Tile::kWarpsN * 32 * Tile::kCols;
    constexpr int k = 16 * half;
    uint32_t av[Tile::kRows][4];
    UNROLL for (int i = 0; i < Tile::kRows; ++i) read_fragments(av[i], a, at.lane, k_major_a, row + 16 * i, k, false);
    UNROLL for (int j = 0; j < 2 * Tile::kCols; ++j) {
        uint32_t bv[4];
        read_fragments(bv, b, at.lane, k_major_b, col + 16 * j, k, true);
        UNROLL for (int i = 0; i < Tile::kRows; ++i) {
            multiply_fragments(sums.v[i] + 8 * j, av[i], bv);
            multiply_fragments(sums.v[i] + 8 * j + 4, av[i], bv + 2);
        }
    }
}

// Half of a step's k.
template <class Tile, int half, class Buffer>
FN void multiply(const Buffer& from, bool k_major_a, bool k_major_b, typename Tile::Sums& sums) {
    if constexpr (kTensor) multiply_tensor<Tile, half>(from.a, from.b, k_major_a, k_major_b, sums);
    else multiply_plain<Tile, half>((const float*)from.a.at, (const float*)from.b.at, sums);
}

// Sixteen rows of a warp's sums to where the warp reads them by rows.
template <class Tile>
FN void stage(float4* to, const float* sums) {
    const int lane = threadIdx.x & 31;
    const auto at = [](int row, int four) { return row * 8 * Tile::kCols + (four ^ (row & 3) * 2); };
    if constexpr (kTensor) {
        UNROLL for (int f = 0; f < 4 * Tile::kCols; ++f) {
            UNROLL for (int h = 0; h < 2; ++h) {
                float2* const four = (float2*)&to[at(lane / 4 + 8 * h, 2 * f + lane % 4 / 2)];
                four[lane & 1] = make_float2(sums[4 * f + 2 * h], sums[4 * f + 2 * h + 1]);
            }
        }
    } else {
        UNROLL for (int r = 0; r < 4; ++r) {
            UNROLL for (int j = 0; j < Tile::kCols; ++j) {
                const float* four = sums + (r * Tile::kCols + j) * 4;
                to[at(lane / 8 * 4 + r, lane % 8 + 8 * j)] = make_float4(four[0], four[1], four[2], four[3]);
            }
        }
    }
}

// From sums to c, or to the partial sums. The inner loop stays a loop: the last steps are long.
template <class Tile>
FN void finish_tile(const Product& p, const Place<Tile>& place, float4* room, const typename Tile::Sums& sums) {
    constexpr int kFours = 8 * Tile::kCols;
    const Lane at(fresh_thread());
    float4* const own = room + at.warp * Tile::kStage;
    const int four = at.lane % kFours, col = place.col + at.warp % Tile::kWarpsN * 32 * Tile::kCols + 4 * four;
    int row = place.row + at.warp / Tile::kWarpsN * 16 * Tile::kRows;
    const Finish finish(p, place.product, col);
    UNROLL for (int i = 0; i < Tile::kRows; ++i, row += 16) {
        __syncwarp();
        stage<Tile>(own, sums.v[i]);
        __syncwarp();
        _Pragma("unroll 1") for (int r = at.lane / kFours; r < 16; r += 32 / kFours) {
            if (finish.count <= 0 || row + r >= p.m) continue;
            const float4 sum = own[r * kFours + (four ^ (r & 3) * 2)];
            if (p.splits > 1) finish.part(place.split, row + r, sum);
            else finish.row(row + r, sum);
        }
    }
}

template <int size, class Operand>
FN void put_chunks(SharedTile<size>& tile, const Operand& operand, const Chunk (&chunks)[Operand::kCount]) {
    const auto& share = operand.share;
    UNROLL for (int j = 0; j < Operand::kCount; ++j)
        put_chunk(tile, chunks[j], share.k_major, share.line() + j * share.between(), share.chunk(), operand.single);
}

template <class Tile, class A, class B>
FN void multiply_tile(const Product& p, const Place<Tile>& place, typename Tile::Shared& shared, A& a, B& b) {
    typename Tile::Sums sums = {};
    const int steps = (place.k_end - place.k_begin + kDepth - 1) / kDepth;
    for (int step = -1; step < steps; ++step) {  // the first round only brings
        const bool more = step + 1 < steps;
        auto &now = shared.buffer[step & 1], &next = shared.buffer[~step & 1];
        Chunk chunks_a[A::kCount], chunks_b[B::kCount];
        if (more) a.read(chunks_a);
        if (step >= 0) multiply<Tile, 0>(now, a.share.k_major, b.share.k_major, sums);
        if (more) {
            put_chunks(next.a, a, chunks_a);
            a.advance();
            b.read(chunks_b);
        }
        if (step >= 0) multiply<Tile, 1>(now, a.share.k_major, b.share.k_major, sums);
        if (more) {
            put_chunks(next.b, b, chunks_b);
            b.advance();
        }
        __syncthreads();
    }
    finish_tile(p, place, shared.stage, sums);
}
