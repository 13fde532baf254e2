#include "kernel.h"

// From element values to a loss: sum * weight / divisor, the divisor a number or max(average, least) + eps of a number on the device.
FN acc loss_factor(const acc* average, float least, float divisor, float weight) {
    return (acc)weight / (average ? m_max(average[0], (acc)least) + acc(1.1920929e-07) : (acc)divisor);
}

// Each of `runs` teams sums its own run: the same bits for any number of workers.
KERNEL(loss_sum_runs, acc* partial, const acc* values, index_t n, int runs) {
    TEAM_LOOP (t, runs) {
        const index_t begin = n * t / runs, end = n * (t + 1) / runs;
        const acc s = team_sum((int)(end - begin), [&](int i) { return values[begin + i]; });
        LANE_ZERO partial[t] = s;
    }
}

KERNEL(loss_finish, acc* loss, const acc* partial, const acc* average,  // [1], [runs], [1] or absent
       int runs, float least, float divisor, float weight) {
    TEAM_LOOP (t, 1) {
        const acc s = team_sum(runs, [&](int i) { return partial[i]; });
        LANE_ZERO loss[t] = s * loss_factor(average, least, divisor, weight);
    }
}

// The gradient of every element value.
KERNEL(loss_upstream, acc* upstream, const acc* dloss, const acc* average, float least, float divisor, float weight) {
    ELEMENT_LOOP (i, 1) upstream[i] = dloss[i] * loss_factor(average, least, divisor, weight);
}
