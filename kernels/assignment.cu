#include "kernel.h"

// What a loss compares with, from the object that each prediction answers for: -1 is background, -2 counts nowhere (Assignment.cs).

KERNEL(assignment_targets, int* labels, float* boxes, float* positive,
       int* counts,  // [batch, rows], [batch, rows, 4], [batch, rows], [batch, blocks, 2]
       const int* index, const float* truth_boxes, const int* truth_labels,  // [batch, rows], [batch, most, 4], [batch, most]
       int batch, int rows, int most, int classes, int block) {
    const int blocks = (rows + block - 1) / block;
    TEAM_LOOP (t, (index_t)batch * blocks) {
        const index_t picture = t / blocks, begin = picture * rows + t % blocks * block;
        const int n = (int)m_min((index_t)block, (picture + 1) * rows - begin);
        const int* own = index + begin;
        LANE_LOOP (c, n) {
            const int k = own[c];
            const index_t truth = picture * most + m_max(k, 0);
            labels[begin + c] = k >= 0 ? truth_labels[truth] : k == -1 ? classes : -1;
            positive[begin + c] = k >= 0 ? 1.0f : 0.0f;
            for (int i = 0; i < 4; ++i) boxes[(begin + c) * 4 + i] = k >= 0 ? truth_boxes[truth * 4 + i] : 0.0f;
        }
        const int positives = (int)team_sum(n, [&](int c) { return own[c] >= 0 ? acc(1) : acc(0); });
        const int negatives = (int)team_sum(n, [&](int c) { return own[c] == -1 ? acc(1) : acc(0); });
        LANE_ZERO {
            counts[2 * t] = positives;
            counts[2 * t + 1] = negatives;
        }
    }
}

// Over all pictures: positives; positives of each picture, at least one; the same of negatives added.
KERNEL(assignment_totals, float* totals, const int* counts, int batch, int blocks) {  // [3], [batch, blocks, 2]
    TEAM_LOOP (t, 1) {
        acc positives = 0, positives_at_least_one = 0, samples = 0;
        for (int picture = 0; picture < batch; ++picture) {
            const int* own = counts + (index_t)picture * blocks * 2;
            const acc p = team_sum(blocks, [&](int c) { return (acc)own[2 * c]; }),
                      n = team_sum(blocks, [&](int c) { return (acc)own[2 * c + 1]; });
            positives += p;
            positives_at_least_one += m_max(p, acc(1));
            samples += m_max(p, acc(1)) + m_max(n, acc(1));
        }
        LANE_ZERO {
            totals[0] = (float)positives;
            totals[1] = (float)positives_at_least_one;
            totals[2] = (float)samples;
        }
    }
}
