#include "kernel.h"

// The sum of each level over all pictures: a level is a run of every picture's row. One team per level.
KERNEL(level_sums_forward, acc* y, const acc* x, const int* starts,  // [levels], [batch, rows], [levels]: first token of each
       int batch, int rows, int levels, int per_token) {
    TEAM_LOOP (l, levels) {
        const int begin = starts[l] * per_token, n = (l + 1 < levels ? starts[l + 1] * per_token : rows) - begin;
        acc sum = 0;
        for (int b = 0; b < batch; ++b) {
            const acc* xb = x + (index_t)b * rows + begin;
            sum += team_sum(n, [&](int i) { return xb[i]; });
        }
        LANE_ZERO y[l] = sum;
    }
}

KERNEL(level_sums_backward, acc* dx, const acc* dy, const int* of_token,  // [batch, rows], [levels], [tokens]
       index_t count, int rows, int per_token) {
    ELEMENT_LOOP (i, count) dx[i] = dy[of_token[i % rows / per_token]];
}
