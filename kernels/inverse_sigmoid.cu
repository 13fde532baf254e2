#include "kernel.h"

// y = ln(max(x, eps) / max(1 - x, eps)) of x clamped to [0, 1]
KERNEL(inverse_sigmoid_forward, acc* y, const acc* x, index_t n, float eps) {
    ELEMENT_LOOP (i, n) {
        const acc v = m_clamp(x[i], acc(0), acc(1));
        y[i] = m_log(m_max(v, (acc)eps) / m_max(acc(1) - v, (acc)eps));
    }
}

// A bound passes the gradient when it is met exactly.
KERNEL(inverse_sigmoid_backward, acc* dx, const acc* dy, const acc* x, index_t n, float eps) {
    ELEMENT_LOOP (i, n) {
        const acc v = x[i], e = (acc)eps;
        const acc slope = (v >= e ? acc(1) / v : acc(0)) + (acc(1) - v >= e ? acc(1) / (acc(1) - v) : acc(0));
        dx[i] = v >= acc(0) && v <= acc(1) ? dy[i] * slope : acc(0);
    }
}
