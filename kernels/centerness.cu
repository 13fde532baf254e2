#include "kernel.h"

// How central the middle of a prior lies in its target (Tian et al., 2019), from its distances to the four sides:
// sqrt(min(l, r) / max(l, r) · min(t, b) / max(t, b)); 0 where the prior is not positive, or its middle not inside.
KERNEL(centerness_targets, acc* y, const acc* priors, const acc* targets,
       const acc* positive,  // [batch, rows], [rows, 4], [batch, rows, 4], [batch, rows]
       index_t count, index_t rows) {
    ELEMENT_LOOP (i, count) {
        const acc *p = priors + i % rows * 4, *t = targets + i * 4;
        const acc u = (p[0] + p[2]) * acc(0.5), v = (p[1] + p[3]) * acc(0.5);
        const acc left = u - t[0], top = v - t[1], right = t[2] - u, bottom = t[3] - v;
        const acc across = m_min(left, right), down = m_min(top, bottom);
        const bool inside = positive[i] > 0 && across > 0 && down > 0;
        y[i] = inside ? m_sqrt(across / m_max(left, right) * (down / m_max(top, bottom))) : acc(0);
    }
}
