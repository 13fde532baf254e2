// The last steps from sum to output. Activations are exact to a few units in the last place of a float.
#pragma once

#include "args.h"
#include "vec.h"

// e^x: 2^n · e^r with |r| ≤ ln(2)/2, e^r by its Taylor polynomial; clamped to what a float can hold.
inline Vec exponential(Vec x) {
    x = max(max(-x, splat(-88.0f)) * -1.0f, splat(-87.0f));
    const Vec shift = splat(12582912.0f);  // 1.5 · 2^23: adding it rounds to a whole number
    const Vec n = multiply_add(x, splat(1.44269504f), shift) - shift;
    const Vec r = multiply_add(n, splat(-1.42860677e-6f), multiply_add(n, splat(-0.693145752f), x));
    Vec e = multiply_add(r, splat(1.0f / 720), splat(1.0f / 120));
    e = multiply_add(e, r, splat(1.0f / 24));
    e = multiply_add(e, r, splat(1.0f / 6));
    e = multiply_add(e, r, splat(0.5f));
    e = multiply_add(e, r, splat(1.0f));
    e = multiply_add(e, r, splat(1.0f));
    return e * reinterpret_cast<Vec>((__builtin_convertvector(n, IntVec) + 127) << 23);
}

// The error function by two minimax polynomials (N. Juffa): odd around 0, 1 - e^p(|x|) beyond.
inline Vec error_function(Vec x) {
    const Vec s = x * x, t = x < 0 ? -x : x;
    Vec near = multiply_add(splat(-5.96761703e-4f), s, splat(4.99119423e-3f));
    near = multiply_add(near, s, splat(-2.67681349e-2f));
    near = multiply_add(near, s, splat(1.12819925e-1f));
    near = multiply_add(near, s, splat(-3.76125336e-1f));
    near = multiply_add(near, s, splat(1.28379166e-1f));
    near = multiply_add(near, x, x);
    const Vec u = multiply_add(splat(-3.88396438e-3f), t, splat(2.42546219e-2f));
    Vec far = multiply_add(multiply_add(splat(-1.72853470e-5f), t, splat(3.83197126e-4f)), s, u);
    far = multiply_add(far, t, splat(-1.06777877e-1f));
    far = multiply_add(far, t, splat(-6.34846687e-1f));
    far = multiply_add(far, t, splat(-1.28717512e-1f));
    far = 1.0f - exponential(multiply_add(far, t, -t));
    return t > 0.921875f ? (x < 0 ? -far : far) : near;
}

inline Vec activate(Vec x, int32_t activation) {
    switch (activation) {
        case kRelu:
            return max(x, Vec{});
        case kGelu:
            return 0.5f * x * (1.0f + error_function(x * 0.707106781f));
        case kSilu:
            return x / (1.0f + exponential(-x));
        default:
            return x;
    }
}

// c = activation(scale · alpha · sum + bias + residual) (+ c if accumulate), scale and bias by column.
struct Epilogue {
    const float* scale = nullptr;
    const float* bias = nullptr;
    const float* residual = nullptr;  // placed like c
    float alpha = 1;
    int32_t activation = kNone;
    int32_t accumulate = 0;

    template <class Read>
    Vec column_scale(int64_t col, Read read) const {
        return scale ? alpha * read(scale + col) : splat(alpha);
    }
    template <class Read>
    Vec column_bias(int64_t col, Read read) const {
        return bias ? read(bias + col) : Vec{};
    }
    // The output at c[at] for a sum.
    template <class Read>
    Vec finish(Vec sum, Vec column_scale, Vec column_bias, const float* c, int64_t at, Read read) const {
        Vec x = multiply_add(sum, column_scale, column_bias);
        if (residual) x += read(residual + at);
        x = activate(x, activation);
        return accumulate ? x + read(c + at) : x;
    }
};
