#include "kernel.h"

// y[r,c] = e^(x[r,c] - max) / sum over c; a row that is all -infinity is NaN, as in PyTorch.
KERNEL(softmax_forward, real* RESTRICT y, const real* RESTRICT x, index_t rows, int length){
#define SOFTMAX(n, held)                                                       \
    TEAM_LOOP (r, rows) {                                                      \
        real* RESTRICT yr = y + r * (n);                                       \
        HeldRow<held> row(x + r * (n), n);                                     \
        const acc top = row.max();                                             \
        row.replace(yr, [&](int, acc v, int) { return m_exp(v - top); });      \
        const acc scale = acc(1) / row.sum([](int, acc v, int) { return v; }); \
        row.each([&](int c, acc v, int) { yr[c] = (real)(v * scale); });       \
    }
    FOR_LENGTH(length, SOFTMAX)}

// dx = y (dy - sum of dy · y)
KERNEL(softmax_backward, real* RESTRICT dx, const real* RESTRICT dy, const real* RESTRICT y, index_t rows, int length){
#define SOFTMAX_BACKWARD(n, held)                                                                \
    TEAM_LOOP (r, rows) {                                                                        \
        const HeldRow<held> row(y + r * (n), n), upstream(dy + r * (n), n);                      \
        real* RESTRICT dxr = dx + r * (n);                                                       \
        const acc mean = row.sum([&](int c, acc v, int j) { return upstream.at(c, j) * v; });    \
        row.each([&](int c, acc v, int j) { dxr[c] = (real)(v * (upstream.at(c, j) - mean)); }); \
    }
    FOR_LENGTH(length, SOFTMAX_BACKWARD)}

// y[r,c] = x[r,c] - max - log of the sum of e^(x - max)
KERNEL(softmax_log_forward, real* RESTRICT y, const real* RESTRICT x, index_t rows, int length){
#define LOG_SOFTMAX(held)                                                                  \
    TEAM_LOOP (r, rows) {                                                                  \
        const HeldRow<held> row(x + r * length, length);                                   \
        real* RESTRICT yr = y + r * length;                                                \
        const acc top = row.max();                                                         \
        const acc shift = m_log(row.sum([&](int, acc v, int) { return m_exp(v - top); })); \
        row.each([&](int c, acc v, int) { yr[c] = (real)(v - top - shift); });             \
    }
    FOR_HELD(length, LOG_SOFTMAX)}

// dx = dy - e^y · sum of dy
KERNEL(softmax_log_backward, real* RESTRICT dx, const real* RESTRICT dy, const real* RESTRICT y, index_t rows, int length) {
#define LOG_SOFTMAX_BACKWARD(held)                                                                   \
    TEAM_LOOP (r, rows) {                                                                            \
        const HeldRow<held> row(y + r * length, length), upstream(dy + r * length, length);          \
        real* RESTRICT dxr = dx + r * length;                                                        \
        const acc sum = upstream.sum([](int, acc d, int) { return d; });                             \
        row.each([&](int c, acc v, int j) { dxr[c] = (real)(upstream.at(c, j) - m_exp(v) * sum); }); \
    }
    FOR_HELD(length, LOG_SOFTMAX_BACKWARD)
}
