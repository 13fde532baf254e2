// Copying and transposing blocks of matrices into packed ones.
#pragma once

#include "vec.h"

// Copies a few or many floats: whole vectors, and a last one that overlaps the one before instead of a slow tail.
inline void copy(float* to, const float* from, int64_t count) {
    if (count < kLanes) {
        for (int64_t i = 0; i < count; i++) to[i] = from[i];
        return;
    }
    for (int64_t i = 0; i + kLanes <= count; i += kLanes) store(to + i, load(from + i));
    store(to + count - kLanes, load(from + count - kLanes));
}

inline void fill_zero(float* to, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = 0;
}

// … and fills up with zeros to a multiple of kLanes.
inline void copy_padded(float* to, const float* from, int64_t count) {
    copy(to, from, count);
    fill_zero(to + count, -count & (kLanes - 1));
}

template <int Distance, int... J>
inline void exchange(Vec& low, Vec& high, std::integer_sequence<int, J...>) {
    const Vec a = low, b = high;
    low = __builtin_shufflevector(a, b, ((J & Distance) ? kLanes + J - Distance : J)...);
    high = __builtin_shufflevector(a, b, ((J & Distance) ? kLanes + J : J + Distance)...);
}

// Transposes kLanes × kLanes floats in registers: the off-diagonal halves change places, then the quarters, …
template <int Distance>
inline void transpose_lanes(Vec* rows) {
    if constexpr (Distance > 0) {
        for (int i = 0; i < kLanes; i++)
            if (!(i & Distance)) exchange<Distance>(rows[i], rows[i + Distance], std::make_integer_sequence<int, kLanes>());
        transpose_lanes<Distance / 2>(rows);
    }
}

// to[x * to_ld + y] = from[y * from_ld + x] for x < width, y < height; writes zeros up to the next multiple of kLanes of height.
void transpose(const float* from, int64_t from_ld, int64_t width, int64_t height, float* to, int64_t to_ld);
