#include "functions.h"

// Functions of one number. A row: the op, y of x, and dx of g = dy, x and y; p and q are the op's own numbers.
#define ROWS(OP)                                                                   \
    OP(Negate, -x, -g)                                                             \
    OP(AddNumber, x + p, g)                                                        \
    OP(MultiplyNumber, (x * p), (g * p))                                           \
    OP(DivideNumber, x / p, g / p)                                                 \
    OP(SubtractFromNumber, p - x, -g)                                              \
    OP(DivideIntoNumber, p / x, -g / x * y)                                        \
    OP(Relu, x < 0 ? acc(0) : x, y > 0 ? g : acc(0))                               \
    OP(Sigmoid, m_sigmoid(x), (g * y) * (1 - y))                                   \
    OP(Tanh, m_tanh(x), g - g * y * y)                                             \
    OP(Gelu, (x * normal_cdf(x)), g*(normal_cdf(x) + x * normal_pdf(x)))           \
    OP(GeluTanh, (x * m_sigmoid(2 * gelu_argument(x))), (g * gelu_tanh_slope(x)))  \
    OP(Silu, (x * m_sigmoid(x)), (g * silu_slope(x, m_sigmoid(x))))                \
    OP(Softplus, m_max(x, acc(0)) + m_log1p(m_exp(-m_abs(x))), (g * m_sigmoid(x))) \
    OP(Exp, m_exp(x), (g * y))                                                     \
    OP(Log, m_log(x), g / x)                                                       \
    OP(Sqrt, m_sqrt(x), g / (2 * y))                                               \
    OP(Abs, m_abs(x), x > 0 ? g : x < 0 ? -g : acc(0))                             \
    OP(Square, (x * x), 2 * g * x)                                                 \
    OP(Sin, m_sin(x), (g * m_cos(x)))                                              \
    OP(Cos, m_cos(x), -(g * m_sin(x)))                                             \
    OP(Clamp, m_clamp(x, p, q), (x < p || x > q ? acc(0) : g))

FN acc normal_cdf(acc x) { return (acc)0.5 * (1 + m_erf(x * (acc)0.70710678118654752)); }
FN acc normal_pdf(acc x) { return (acc)0.39894228040143268 * m_exp((acc)-0.5 * x * x); }
// GeluTanh is 0.5 x (1 + tanh u) = x σ(2u).
FN acc gelu_argument(acc x) { return (acc)0.79788456080286536 * (x + (acc)0.044715 * x * x * x); }
FN acc gelu_tanh_slope(acc x) {
    const acc s = m_sigmoid(2 * gelu_argument(x));
    return s + x * 2 * s * (1 - s) * (acc)0.79788456080286536 * (1 + (acc)0.134145 * x * x);
}

FN acc silu_slope(acc x, acc s) { return s + x * s * (1 - s); }

#define NAME(name, value, slope) name,
enum Function { ROWS(NAME) };

#define FORWARD(name, value, slope)   \
    case name:                        \
        ELEMENT_LOOP (i, n) {         \
            const acc x = (acc)xs[i]; \
            ys[i] = (real)(value);    \
        }                             \
        break;
#define BACKWARD(name, value, slope)                                                    \
    case name:                                                                          \
        ELEMENT_LOOP (i, n) {                                                           \
            [[maybe_unused]] const acc g = (acc)dys[i], x = (acc)xs[i], y = (acc)ys[i]; \
            dxs[i] = (real)(slope);                                                     \
        }                                                                               \
        break;

KERNEL(elementwise_forward, real* RESTRICT ys, const real* RESTRICT xs, index_t n, int function, float p_, float q_) {
    [[maybe_unused]] const acc p = (acc)p_, q = (acc)q_;
    switch (function) { ROWS(FORWARD) }
}

KERNEL(elementwise_backward, real* RESTRICT dxs, const real* RESTRICT dys, const real* RESTRICT xs, const real* RESTRICT ys,  // [n]
       index_t n, int function, float p_, float q_) {
    [[maybe_unused]] const acc p = (acc)p_, q = (acc)q_;
    switch (function) { ROWS(BACKWARD) }
}
