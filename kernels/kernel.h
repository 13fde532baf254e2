// The dialect: one kernel text, two compilers. Only this file and its two halves know that a kernel is compiled twice.
//
//   NVRTC (cuda/)          a team is a warp or a block; loops stride the grid; neighbours lie on neighbouring lanes
//   clang++, g++ (cpu/)    a worker takes one contiguous run of the teams; a lane loop is a vector loop
//
// GROUP_LOOP (g, groups, size) { what a group shares; GROUP_LANES (i, size, g) … } visits the members of all groups: lanes over all of them
// at once on the GPU, one group after another on the CPU, its members a vector loop.
//
// What a team wrote in one loop word, every lane sees in the next loop word. A loop word visits each index exactly once for any launch
// shape. `real` is the storage type of the compilation, `acc` the type of sums and temporaries.
#pragma once

#if defined(__CUDACC_RTC__) || defined(__CUDA_ARCH__)
#define CODETR_GPU 1
#include "cuda/dialect.h"
#else
#define CODETR_GPU 0
#include "cpu/dialect.h"
#endif

#ifndef REAL
#define REAL float
#endif
typedef REAL real;
#ifdef REAL_IS_DOUBLE
typedef double acc;
#else
typedef float acc;
#endif

FN double m_exp(double x) { return exp(x); }
FN double m_log(double x) { return log(x); }
FN double m_sqrt(double x) { return sqrt(x); }
FN double m_abs(double x) { return fabs(x); }
FN double m_floor(double x) { return floor(x); }

#define TEAM_SCRATCH(type, name, n) type* const name = scratch_.template take<type>(n)

// Sum of f(0) … f(n-1); every lane gets it. On the CPU in runs, so that rounding errors grow with their number and not with n.
template <class F>
FN acc team_sum(int n, F f) {
#if CODETR_GPU
    acc v = 0;
    LANE_LOOP (c, n) v += f(c);
    return team_combine(v, [](acc a, acc b) { return a + b; });
#else
    acc sum = 0;
    for (int begin = 0, end; begin < n; begin = end) {
        end = n - begin <= 512 ? n : begin + 512;
        acc v = 0;
        _Pragma("omp simd reduction(+ : v)") for (int c = begin; c < end; ++c) v += f(c);
        sum += v;
    }
    return sum;
#endif
}

// Four sums at once: f(c, s0, s1, s2, s3) adds to each; every lane gets them.
struct Sums4 {
    acc v[4];
};
template <class F>
FN Sums4 team_sum4(int n, F f) {
    acc s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#if CODETR_GPU
    LANE_LOOP (c, n) f(c, s0, s1, s2, s3);
    const auto add = [](acc a, acc b) { return a + b; };
    return {{team_combine(s0, add), team_combine(s1, add), team_combine(s2, add), team_combine(s3, add)}};
#else
    _Pragma("omp simd reduction(+ : s0, s1, s2, s3)") for (int c = 0; c < n; ++c) f(c, s0, s1, s2, s3);
    return {{s0, s1, s2, s3}};
#endif
}

#if !CODETR_GPU
// A minimum or maximum of f(0) … f(n-1) in lanes laid out by hand: compilers make no vector of one that minds NaN.
template <int lanes, class T, class F, class Op>
FN T fold_in_lanes(int n, int& c, T none, F f, Op op) {
    T lane[lanes];
    for (int j = 0; j < lanes; ++j) lane[j] = none;
    for (; c + lanes <= n; c += lanes) { _Pragma("omp simd") for (int j = 0; j < lanes; ++j) lane[j] = op(lane[j], f(c + j)); }
    for (int width = lanes / 2; width; width /= 2) {
        for (int j = 0; j < width; ++j) lane[j] = op(lane[j], lane[j + width]);
    }
    return lane[0];
}
template <class T, class F, class Op>
FN T fold(int n, T none, F f, Op op) {
    int c = 0;
    T all = none;
    if (n >= 16) all = fold_in_lanes<16>(n, c, none, f, op);
    if (n - c >= 4) all = op(all, fold_in_lanes<4>(n, c, none, f, op));
    for (; c < n; ++c) all = op(all, f(c));
    return all;
}
#endif

// The largest of f(0) … f(n-1), -infinity for none; every lane gets it.
template <class F>
FN acc team_max(int n, F f) {
    acc v = -(acc)INFINITY;
#if CODETR_GPU
    LANE_LOOP (c, n) v = v < f(c) ? f(c) : v;
    return team_combine(v, [](acc a, acc b) { return a < b ? b : a; });
#else
    return fold(n, v, f, [](acc a, acc b) { return a < b ? b : a; });
#endif
}

template <class T>
struct MinIndex {
    T value;
    int index;  // the first index that has the value; -1 if no value is below +infinity
};

// The smallest f(c) and the first c that has it; every lane gets it. f is pure; NaN and +infinity never win.
template <class T, class F>
FN MinIndex<T> team_min_index(int n, F f) {
#if CODETR_GPU
    struct alignas(8) Pair {
        T value;
        int index;
    };
    Pair v = {(T)INFINITY, -1};
    LANE_LOOP (c, n)
        if (f(c) < v.value) {
            v.value = f(c);
            v.index = c;
        }
    v = team_combine(v, [](const Pair& a, const Pair& b) {
        return b.value < a.value || (b.value == a.value && (unsigned)b.index < (unsigned)a.index) ? b : a;
    });
    return {v.value, v.index};
#else
    const T v = fold(n, (T)INFINITY, f, [](T a, T b) { return b < a ? b : a; });
    if (!(v < (T)INFINITY)) return {v, -1};
    int at = 0;
    while (!(f(at) == v)) ++at;
    return {v, at};
#endif
}

// Calls emit(c, f(0) + … + f(c-1)) for each c; every lane gets the total. f counts: small non-negative integers.
template <class F, class Emit>
FN int team_scan(int n, F f, Emit emit) {
    int before = 0;
#if CODETR_GPU
    int* warp_totals = (int*)warp_row();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = (blockDim.x + 31) >> 5;
    for (int base = 0; base < n; base += blockDim.x) {
        team_sync();
        const int c = base + threadIdx.x, own = c < n ? f(c) : 0;
        int sum = own;
        for (int offset = 1; offset < 32; offset <<= 1) {
            const int other = __shfl_up_sync(0xffffffffu, sum, offset);
            if (lane >= offset) sum += other;
        }
        int total = __shfl_sync(0xffffffffu, sum, 31), start = 0;
        if (warps > 1) {
            if (lane == 31) warp_totals[warp] = sum;
            __syncthreads();
            total = 0;
            for (int w = 0; w < warps; ++w) {
                if (w == warp) start = total;
                total += warp_totals[w];
            }
        }
        if (c < n) emit(c, before + start + sum - own);
        before += total;
    }
#else
    for (int c = 0; c < n; ++c) {
        const int own = f(c);
        emit(c, before);
        before += own;
    }
#endif
    return before;
}

// A row of up to `max` values: registers spread over the lanes of a one-warp team, on the CPU the stack.
template <int max, class T = acc>
struct LaneRow {
#if CODETR_GPU
    T v[(max + 31) / 32];
    METHOD LaneRow() { UNROLL for (int j = 0; j < (max + 31) / 32; ++j) v[j] = T(0); }
    template <class F>
    METHOD void each(int n, F f) {
        UNROLL for (int j = 0; j < (max + 31) / 32; ++j) {
            const int c = threadIdx.x + 32 * j;
            if (c < n) f(c, v[j]);
        }
    }
#else
    T v[max] = {};
    template <class F>
    void each(int n, F f) {
        _Pragma("omp simd") for (int c = 0; c < n; ++c) f(c, v[c]);
    }
#endif
};

// Neighbours in memory that are loaded at once.
template <int n, class T>
struct alignas(n * sizeof(T)) Pack {
    T v[n];
};

// Four rows of C numbers at once, C = 8, 16, 32 … and rows at multiples of C: row j begins at base + at[j * step]. On the GPU a quarter of
// a one-warp team takes a row, each lane C / 8 neighbours of it, so that one load is up to 16 bytes wide.
template <int C>
struct FourRows {
#if CODETR_GPU
    static constexpr int wide = C / 8;
    acc v[wide];
    METHOD FourRows() { UNROLL for (int i = 0; i < wide; ++i) v[i] = 0; }
    METHOD static int own_row() { return threadIdx.x >> 3; }
    METHOD static int own_column() { return (threadIdx.x & 7) * wide; }

    // v += weight[0] * row 0 + … + weight[3 * step] * row 3
    METHOD void add(const real* base, const int* at, const acc* weight, int step) {
        const Pack<wide, real> x = *(const Pack<wide, real>*)(base + at[own_row() * step] + own_column());
        const acc w = weight[own_row() * step];
        UNROLL for (int i = 0; i < wide; ++i) v[i] += w * (acc)x.v[i];
    }
    METHOD void store(real* y) {
        Pack<wide, real> sum;
        UNROLL for (int i = 0; i < wide; ++i) {
            acc s = v[i];
            s += __shfl_xor_sync(0xffffffffu, s, 8);
            s += __shfl_xor_sync(0xffffffffu, s, 16);
            sum.v[i] = (real)s;
        }
        if (own_row() == 0) *(Pack<wide, real>*)(y + own_column()) = sum;
    }
    METHOD void load(const real* x) {
        const Pack<wide, real> own = *(const Pack<wide, real>*)(x + own_column());
        UNROLL for (int i = 0; i < wide; ++i) v[i] = (acc)own.v[i];
    }
    // dot[j * step] = v · row j, v as loaded
    METHOD void dot(acc* dots, const real* base, const int* at, int step) const {
        const Pack<wide, real> x = *(const Pack<wide, real>*)(base + at[own_row() * step] + own_column());
        acc s = 0;
        UNROLL for (int i = 0; i < wide; ++i) s += v[i] * (acc)x.v[i];
        UNROLL for (int offset = 4; offset; offset >>= 1) s += __shfl_xor_sync(0xffffffffu, s, offset);
        if ((threadIdx.x & 7) == 0) dots[own_row() * step] = s;
    }
#else
    acc v[C] = {};
    void add(const real* base, const int* at, const acc* weight, int step) {
        const real *v0 = base + at[0], *v1 = base + at[step], *v2 = base + at[2 * step], *v3 = base + at[3 * step];
        const acc w0 = weight[0], w1 = weight[step], w2 = weight[2 * step], w3 = weight[3 * step];
        LANE_LOOP (c, C) v[c] += w0 * (acc)v0[c] + w1 * (acc)v1[c] + w2 * (acc)v2[c] + w3 * (acc)v3[c];
    }
    void store(real* y) {
        LANE_LOOP (c, C) y[c] = (real)v[c];
    }
    void load(const real* x) {
        LANE_LOOP (c, C) v[c] = (acc)x[c];
    }
    void dot(acc* dots, const real* base, const int* at, int step) const {
        const real *v0 = base + at[0], *v1 = base + at[step], *v2 = base + at[2 * step], *v3 = base + at[3 * step];
        const Sums4 d = team_sum4(C, [&](int c, acc& s0, acc& s1, acc& s2, acc& s3) {
            s0 += v[c] * (acc)v0[c];
            s1 += v[c] * (acc)v1[c];
            s2 += v[c] * (acc)v2[c];
            s3 += v[c] * (acc)v3[c];
        });
        UNROLL for (int j = 0; j < 4; ++j) dots[j * step] = d.v[j];
    }
#endif
};

// A row that a kernel goes over more than once. On the GPU the lanes of its team hold it in registers, `held` values each, so that memory
// is read once; a longer row, and every row of the CPU (it lies in a near cache), is read again. f(c, v, j): element c has the value v;
// other rows of the same team and length have theirs at(c, j).
template <int held, class T = real>
struct HeldRow {
#if CODETR_GPU
    acc v[held];
    int n;
    METHOD HeldRow(const T* x, int n) : n(n) {
        UNROLL for (int j = 0; j < held; ++j) {
            const int c = threadIdx.x + blockDim.x * j;
            v[j] = c < n ? (acc)x[c] : acc(0);
        }
    }
    METHOD acc at(int, int j) const { return v[j]; }
    template <class F>
    METHOD void each(F f) const {
        UNROLL for (int j = 0; j < held; ++j) {
            const int c = threadIdx.x + blockDim.x * j;
            if (c < n) f(c, v[j], j);
        }
    }
    template <class F>
    METHOD acc sum(F f) const {
        acc s = 0;
        each([&](int c, acc x, int j) { s += f(c, x, j); });
        return team_combine(s, [](acc a, acc b) { return a + b; });
    }
    METHOD acc max() const {
        acc top = -(acc)INFINITY;
        each([&](int, acc x, int) { top = top < x ? x : top; });
        return team_combine(top, [](acc a, acc b) { return a < b ? b : a; });
    }
    // Values become f(c, v, j). Where nothing is held, y keeps them from then on.
    template <class F>
    METHOD void replace(T*, F f) {
        UNROLL for (int j = 0; j < held; ++j) {
            const int c = threadIdx.x + blockDim.x * j;
            if (c < n) v[j] = f(c, v[j], j);
        }
    }
    METHOD void store(T* y) const {  // after replace(y, …)
        each([&](int c, acc x, int) { y[c] = (T)x; });
    }
};
template <class T>
struct HeldRow<0, T> {
#endif
    const T* x;
    int n;
    METHOD HeldRow(const T* x, int n) : x(x), n(n) {}
    METHOD acc at(int c, int) const { return (acc)x[c]; }
    template <class F>
    METHOD void each(F f) const {
        LANE_LOOP (c, n) f(c, (acc)x[c], 0);
    }
    template <class F>
    METHOD acc sum(F f) const {
        return team_sum(n, [&](int c) { return f(c, (acc)x[c], 0); });
    }
    METHOD acc max() const {
        return team_max(n, [&](int c) { return (acc)x[c]; });
    }
    template <class F>
    METHOD void replace(T* y, F f) {
        LANE_LOOP (c, n) y[c] = (T)f(c, (acc)x[c], 0);
        x = y;
    }
    METHOD void store(T*) const {}
};

// body(held) for rows of n: what a lane has to hold, as Work.Rows counts on it. body(n, held): the CPU's compilers make no loops of lengths
// that they know; short ones (16 sampling points, 4 levels, …) come by the million.
#if CODETR_GPU
#define FOR_HELD(n, body)                 \
    {                                     \
        if ((n) <= 8 * (int)blockDim.x) { \
            body(8)                       \
        } else {                          \
            body(0)                       \
        }                                 \
    }
#define FOR_LENGTH(n, body)               \
    {                                     \
        if ((n) <= 8 * (int)blockDim.x) { \
            body(n, 8)                    \
        } else {                          \
            body(n, 0)                    \
        }                                 \
    }
#else
#define FOR_HELD(n, body) body(0)
#define FOR_LENGTH(n, body)    \
    switch (n) {               \
        case 4:                \
            body(4, 0) break;  \
        case 8:                \
            body(8, 0) break;  \
        case 12:               \
            body(12, 0) break; \
        case 16:               \
            body(16, 0) break; \
        case 20:               \
            body(20, 0) break; \
        case 32:               \
            body(32, 0) break; \
        default:               \
            body(n, 0)         \
    }
#endif

FN acc m_sigmoid(acc x) { return acc(1) / (acc(1) + m_exp(-x)); }
template <class T>
FN T m_min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
FN T m_max(T a, T b) {
    return a < b ? b : a;
}
template <class T>
FN T m_clamp(T x, T low, T high) {
    return x < low ? low : high < x ? high : x;
}
