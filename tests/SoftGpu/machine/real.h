// What float and double instructions share: canonical NaN, flushing, saturation.
#pragma once

#include <cmath>
#include <limits>

#include "half.h"

namespace softgpu {

inline float canonical(float r) { return r != r ? bits_as<float>(0x7fffffffu) : r; }
inline double canonical(double r) { return r; }  // f64 keeps a NaN's payload

template <class T>
T flushed(T v, bool flush) {
    return flush && std::fabs(v) < std::numeric_limits<T>::min() ? std::copysign(T(0), v) : v;
}
template <class T>
T saturated(T v, bool saturate) {
    return saturate ? (v > T(0) ? (v < T(1) ? v : T(1)) : T(0)) : v;
}
template <class T>
T finished(T v, bool flush, bool saturate) {
    return saturated(flushed(canonical(v), flush), saturate);
}

}  // namespace softgpu
