// Elementary functions beyond those of kernel.h. Branch-free in float, so that a lane loop over them stays a vector loop; errors of one or
// two units in the last place. The double versions are the library's.
#pragma once
#include "kernel.h"

// Odd polynomial near zero, where the quotient would cancel (Cephes' tanhf).
FN float m_tanh(float x) {
    const float t = m_abs(x), z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const float near = p * z * x + x, far = 1.0f - 2.0f / (m_exp(2.0f * t) + 1.0f);
    return t > 0.625f ? (x < 0.0f ? -far : far) : near;
}

// Two minimax polynomials (N. Juffa): odd around zero, 1 - e^p(|x|) beyond.
FN float m_erf(float x) {
    const float t = m_abs(x), z = x * x;
    float near = -5.96761703e-4f;
    near = near * z + 4.99119423e-3f;
    near = near * z - 2.67681349e-2f;
    near = near * z + 1.12819925e-1f;
    near = near * z - 3.76125336e-1f;
    near = near * z + 1.28379166e-1f;
    near = near * x + x;
    float far = (-1.72853470e-5f * t + 3.83197126e-4f) * z + (-3.88396438e-3f * t + 2.42546219e-2f);
    far = far * t - 1.06777877e-1f;
    far = far * t - 6.34846687e-1f;
    far = far * t - 1.28717512e-1f;
    far = 1.0f - m_exp(far * t - t);
    return t > 0.921875f ? (x < 0.0f ? -far : far) : near;
}

// sin(x + quarter · π/2). The argument is reduced in double: exact enough for |x| up to 1e9.
FN float m_sin_quarter(float x, double quarter) {
    const double k = m_floor((double)x * 0.63661977236758134 + 0.5);
    const float r = (float)((double)x - k * 1.5707963267948966 - k * 6.123233995736766e-17), z = r * r;
    const double turned = k + quarter;
    const int q = (int)(turned - 4.0 * m_floor(turned * 0.25));
    const float sine = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
    const float cosine = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
    const float v = q & 1 ? cosine : sine;
    return q & 2 ? -v : v;
}
FN float m_sin(float x) { return m_sin_quarter(x, 0.0); }
FN float m_cos(float x) { return m_sin_quarter(x, 1.0); }

// log(1 + x) for x ≥ 0: what rounding took from 1 + x is put back (W. Kahan).
FN float m_log1p(float x) {
    const float u = 1.0f + x;
    return u == 1.0f ? x : m_log(u) * (x / (u - 1.0f));
}

FN double m_tanh(double x) { return tanh(x); }
FN double m_erf(double x) { return erf(x); }
FN double m_sin(double x) { return sin(x); }
FN double m_cos(double x) { return cos(x); }
FN double m_log1p(double x) { return log1p(x); }

// Bits of a number as an integer of its size, and back.
FN int32_t m_bits(float x) {
    union {
        float number;
        int32_t bits;
    } v = {x};
    return v.bits;
}
FN int64_t m_bits(double x) {
    union {
        double number;
        int64_t bits;
    } v = {x};
    return v.bits;
}
FN float m_from_bits(int32_t bits) {
    union {
        int32_t bits;
        float number;
    } v = {bits};
    return v.number;
}
FN double m_from_bits(int64_t bits) {
    union {
        int64_t bits;
        double number;
    } v = {bits};
    return v.number;
}
