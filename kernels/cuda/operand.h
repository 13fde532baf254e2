// The operands of a product on their way to shared memory. A block's tile of an operand is `size` rows of a (or columns of b) by kDepth of
// k, and is read along whichever direction lies contiguous in memory ("along"); a line is what lies across: k_major says that lines are k.
#pragma once
#include "kernel.h"

#ifdef REAL_IS_DOUBLE
#error "Products store f32, f16 or bf16."
#endif

template <class A, class B>
constexpr bool kSame = false;
template <class A>
constexpr bool kSame<A, A> = true;

constexpr bool kNarrow = !kSame<real, float>;  // an operand is `real` or float, as the problem says; else all are float
// Whether this architecture's tensor cores multiply `real`.
constexpr bool kTensor = (kSame<real, f16> && __CUDA_ARCH__ >= 750) || (kSame<real, bf16> && __CUDA_ARCH__ >= 800);
constexpr int kChunk = kTensor ? 8 : 4;  // elements along that a thread brings at once
constexpr int kDepth = 4 * kChunk;       // k of one step: four chunks where k is along

// One chunk as it lies in memory, so that nothing waits for it before it is stored: kChunk floats, or kChunk reals in the first words.
struct Chunk {
    uint32_t word[kChunk];
};

FN bool is_single(int single) { return !kNarrow || single; }

// Element e of a chunk; `from` is null outside the operand.
FN void read_element(Chunk& chunk, int e, const char* from, bool single) {
    if (single) {
        chunk.word[e] = from ? *(const uint32_t*)from : 0;
    } else {
        const uint32_t bits = from ? *(const uint16_t*)from : 0;
        chunk.word[e / 2] = e % 2 ? chunk.word[e / 2] | bits << 16 : bits;
    }
}

// The first `count` elements from `from` on, the others 0; `whole` says that the operand's chunks lie aligned.
FN void read_chunk(Chunk& chunk, const char* from, int count, bool whole, bool single) {
    if (count <= 0) {
        UNROLL for (int w = 0; w < kChunk; ++w) chunk.word[w] = 0;
    } else if (!whole || count < kChunk) {
        UNROLL for (int e = 0; e < kChunk; ++e)
            read_element(chunk, e, e < count ? from + e * (single ? 4 : sizeof(real)) : nullptr, single);
    } else if (single) {
        UNROLL for (int w = 0; w < kChunk; w += 4) {
            const uint4 v = *(const uint4*)(from + 4 * w);
            chunk.word[w] = v.x, chunk.word[w + 1] = v.y, chunk.word[w + 2] = v.z, chunk.word[w + 3] = v.w;
        }
    } else if constexpr (kTensor) {
        const uint4 v = *(const uint4*)from;
        chunk.word[0] = v.x, chunk.word[1] = v.y, chunk.word[2] = v.z, chunk.word[3] = v.w;
    } else {
        const uint2 v = *(const uint2*)from;
        chunk.word[0] = v.x, chunk.word[1] = v.y;
    }
}

FN float real_of(uint16_t bits) {
    union {
        uint16_t bits;
        real v;
    } u = {bits};
    return (float)u.v;
}
FN uint16_t bits_of(float v) {
    union {
        real v;
        uint16_t bits;
    } u = {(real)v};
    return u.bits;
}

FN float element(const Chunk& chunk, int e, bool single) {
    if (single) return __uint_as_float(chunk.word[e]);
    return real_of((uint16_t)(e % 2 ? chunk.word[e / 2] >> 16 : chunk.word[e / 2]));
}

// Two floats as two reals, the first below.
FN uint32_t pack(float low, float high) {
    uint32_t both = 0;
#if __CUDA_ARCH__ >= 800
    if constexpr (kSame<real, bf16>) asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    else asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
#else
    both = f16(low).bits | (uint32_t)f16(high).bits << 16;
#endif
    return both;
}

// A tile in shared memory, laid out so that neither writing nor reading meets a bank twice: for the tensor cores chunks of reals line by
// line, their places in the line exchanged; else size × kDepth floats by k, with a gap of 8 after every four k.
template <int size>
struct SharedTile {
    static constexpr int kFours = 4 * size + 8;  // floats from four k to the next four
    uint4 at[size * 4 + (kTensor ? 0 : 6)];
};

// Where chunk c of a line of `chunks` lies in the line: eight lines side by side have the same chunk in all banks.
template <int chunks>
FN int exchanged(int c, int line) {
    return chunks >= 8 ? c ^ (line & 7) : c ^ (line >> 1 & 3);
}

template <int size>
FN void put_chunk(SharedTile<size>& tile, const Chunk& chunk, bool k_major, int line, int c, bool single) {
    if constexpr (kTensor) {
        uint4 v = {chunk.word[0], chunk.word[1], chunk.word[2], chunk.word[3]};
        if (single) {
            UNROLL for (int w = 0; w < 4; ++w)(&v.x)[w] = pack(__uint_as_float(chunk.word[2 * w]), __uint_as_float(chunk.word[2 * w + 1]));
        }
        tile.at[k_major ? line * (size / 8) + exchanged<size / 8>(c, line) : line * 4 + exchanged<4>(c, line)] = v;
    } else {
        float* const floats = (float*)tile.at;
        if (k_major) {
            *(float4*)(floats + line / 4 * SharedTile<size>::kFours + line % 4 * size + 4 * c) =
                make_float4(element(chunk, 0, single), element(chunk, 1, single), element(chunk, 2, single), element(chunk, 3, single));
        } else {
            UNROLL for (int e = 0; e < 4; ++e) floats[c * SharedTile<size>::kFours + e * size + line] = element(chunk, e, single);
        }
    }
}

// What the compiler must compute again where it is used: left to itself it keeps all that a loop's rounds have in common in registers, and
// a tile of sums leaves none.
FN const char* fresh(const char* p) {
    asm volatile("" : "+l"(p));
    return p;
}
FN int fresh_thread() {
    int thread;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
    return thread;
}

// Which chunks of a tile a thread brings: kCount lines, `between` apart, at the same chunk of each.
template <int size, int threads>
struct Share {
    static constexpr int kCount = size * 4 / threads;
    const bool k_major;

    METHOD Share(bool k_major) : k_major(k_major) {}
    METHOD int chunks() const { return k_major ? size / kChunk : 4; }
    METHOD int line() const { return fresh_thread() / chunks(); }
    METHOD int chunk() const { return fresh_thread() % chunks(); }
    METHOD int between() const { return threads / chunks(); }
};

// An operand that lies in memory as a matrix. `first` is the tile's first row of a (column of b) of `count`; k runs from k_begin to k_end.
template <int size, int threads>
struct Matrix {
    static constexpr int kCount = Share<size, threads>::kCount;
    const Share<size, threads> share;
    const bool single, whole;
    const index_t ld;
    const char* at;
    int lines, along;  // left from here on

    METHOD Matrix(const void* data, index_t ld, bool k_major, bool single, bool whole, int first, int count, int k_begin, int k_end)
        : share(k_major), single(single), whole(whole), ld(ld) {
        const int line = (k_major ? k_begin : first) + share.line(), from = (k_major ? first : k_begin) + share.chunk() * kChunk;
        lines = (k_major ? k_end : count) - line, along = (k_major ? count : k_end) - from;
        at = (const char*)data + (line * ld + from) * bytes();
    }
    METHOD int bytes() const { return single ? 4 : sizeof(real); }
    METHOD void read(Chunk (&chunks)[kCount]) const {
        const char* const from = fresh(at);
        UNROLL for (int j = 0; j < kCount; ++j) {
            const int over = j * share.between();
            read_chunk(chunks[j], from + over * ld * bytes(), over < lines ? along : 0, whole, single);
        }
    }
    METHOD void advance() {
        at += (share.k_major ? kDepth * ld : kDepth) * bytes();
        (share.k_major ? lines : along) -= kDepth;
    }
};
