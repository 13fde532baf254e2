// The GPU half of the dialect, for NVRTC. A team of up to 32 lanes is one warp, several to a block (threadIdx.y); a wider team is the whole
// block, so its barrier is uniform.
#pragma once

typedef long long int64_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef unsigned short uint16_t;
typedef unsigned char uint8_t;
typedef unsigned long long uint64_t;
typedef int64_t index_t;  // every index that is a product of sizes

#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#define FN static __device__ __forceinline__
#define METHOD __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define RESTRICT __restrict__

// bf16 and f16 are two bytes of our own, so that no SDK header is needed.
struct bf16 {
    uint16_t bits;
    bf16() = default;
    METHOD bf16(float v) {  // round to nearest even; NaN stays NaN
        const uint32_t u = __float_as_uint(v);
        bits = (u & 0x7fffffffu) > 0x7f800000u ? (uint16_t)((u >> 16) | 0x40u) : (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }
    METHOD operator float() const { return __uint_as_float((uint32_t)bits << 16); }
};
struct f16 {
    uint16_t bits;
    f16() = default;
    METHOD f16(float v) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(v)); }
    METHOD operator float() const {
        float v;
        asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(bits));
        return v;
    }
};

#define KERNEL(name, ...) extern "C" __global__ void name(__VA_ARGS__)

FN void team_sync() {
    if (blockDim.x <= 32) __syncwarp();
    else __syncthreads();
}

extern __shared__ double team_memory[];
struct Scratch {
    char* at;
    METHOD Scratch() {
        unsigned bytes;
        asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
        at = (char*)team_memory + ((bytes / blockDim.y) & ~7u) * threadIdx.y;
    }
    template <class T>
    METHOD T* take(index_t n) {
        T* p = (T*)at;
        at += (n * sizeof(T) + 7) & ~(index_t)7;
        return p;
    }
};

#define ELEMENT_LOOP(i, n)                                                                                 \
    for (index_t i = ((index_t)blockIdx.x * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x; i < (n); \
         i += (index_t)gridDim.x * blockDim.y * blockDim.x)
#define TEAM_LOOP(t, n)                                                                                             \
    for (index_t t = (index_t)blockIdx.x * blockDim.y + threadIdx.y; t < (n); t += (index_t)gridDim.x * blockDim.y) \
        if (Scratch scratch_; true)
#define TEAM_LOOP_OWNING(t, n, group) TEAM_LOOP (t, n)
#define LANE_LOOP(c, n) for (int c = (team_sync(), (int)threadIdx.x); c < (n); c += blockDim.x)
#define GROUP_LOOP(g, groups, size)                                                                                             \
    for (int g##_width = (team_sync(), (size) < (int)blockDim.x ? (size) : (int)blockDim.x), g##_step = blockDim.x / g##_width, \
             g = threadIdx.x / g##_width;                                                                                       \
         g < (groups) && (int)threadIdx.x < g##_step * g##_width; g += g##_step)
#define GROUP_LANES(i, size, g) for (int i = threadIdx.x % g##_width; i < (size); i += g##_width)
// From one row of a table in scratch to the next, where lanes read one place of several rows: odd, so that no two meet in a bank.
#define ROW_STEP(n) ((n) | 1)
#define LANE_ZERO for (bool once_ = (team_sync(), threadIdx.x == 0); once_; once_ = false)

FN void scatter_add(float* p, float v) { atomicAdd(p, v); }
FN void scatter_add(double* p, double v) { atomicAdd(p, v); }

// p += w * v; what weighs nothing is not sent.
template <class T>
FN void scatter_add_weighted(T* p, T w, T v) {
    if (w != 0) scatter_add(p, w * v);
}

// Room for a value of up to 16 bytes from each warp of a block: one piece of shared memory for all that combine.
FN void* warp_row() {
    __shared__ double row[64];
    return row;
}

// Combines one value per lane into one value that every lane gets. `op` is associative and commutative.
template <class T, class Op>
FN T team_combine(T v, Op op) {
    for (int offset = 16; offset; offset >>= 1) {
        T other;
        for (int w = 0; w < (int)(sizeof(T) / 4); ++w) ((int*)&other)[w] = __shfl_xor_sync(0xffffffffu, ((int*)&v)[w], offset);
        v = op(v, other);
    }
    if (blockDim.x <= 32) return v;
    T* rows = (T*)warp_row();
    __syncthreads();
    if ((threadIdx.x & 31) == 0) rows[threadIdx.x >> 5] = v;
    __syncthreads();
    T all = rows[0];
    for (int w = 1; w < (int)(blockDim.x + 31) >> 5; ++w) all = op(all, rows[w]);
    return all;
}

FN float m_exp(float x) { return expf(x); }
FN float m_log(float x) { return logf(x); }
FN float m_sqrt(float x) { return sqrtf(x); }
FN float m_abs(float x) { return fabsf(x); }
FN float m_floor(float x) { return floorf(x); }

#include "cuda/team_product.h"
