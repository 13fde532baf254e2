#include "kernel.h"

// A box without area is no proposal: its score is -infinity.
KERNEL(region_unless_empty, acc* y, const acc* scores, const acc* boxes, index_t n) {  // [n], [n], [n, 4] corners
    ELEMENT_LOOP (i, n) {
        const acc* b = boxes + 4 * i;
        y[i] = b[2] > b[0] && b[3] > b[1] ? scores[i] : -(acc)INFINITY;
    }
}

// Of each picture as many rows as the picture with fewest has, and no more than `most`; -2, which counts nowhere, beyond (Assignment.cs).
KERNEL(region_keep_first, int* y, const int* index, const int* counts, int batch, int rows, int most) {  // [batch, rows], [batch]
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        int least = most;
        for (int b = 0; b < batch; ++b) least = m_min(least, counts[b]);
        y[i] = i % rows < least ? index[i] : -2;
    }
}
