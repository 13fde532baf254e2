#include "box.h"

// Each kept box becomes the mean of the candidates that overlap it, weighted by their scores for its class and by how well they overlap:
// exp(-(1 - IoU)² / sigma) (Kim and Lee, 2020; He et al., 2019). What scores or overlaps too little does not vote. One team per kept box.
KERNEL(score_voting, acc* y, const acc* kept, const int* labels,  // [batch, most, 4], the same, [batch, most]
       const int* counts,                                         // [batch]: kept boxes of each picture
       const acc* boxes, const acc* scores,                       // [batch, rows, 4], [batch, rows, classes]
       int batch, int most, int rows, int classes, float threshold, float overlap, float sigma) {
    TEAM_LOOP (t, (index_t)batch * most) {
        const index_t b = t / most;
        const acc* k = kept + 4 * t;
        const Box own = {k[0], k[1], k[2], k[3]};
        const acc *candidates = boxes + b * rows * 4, *score = scores + b * rows * classes + m_max(labels[t], 0);
        const int voters = t % most < counts[b] ? rows : 0;
        const auto weight = [&](int c) {
            const acc* o = candidates + 4 * (index_t)c;
            const acc iou = overlap_of(own, {o[0], o[1], o[2], o[3]}, acc(1e-6)).iou(), s = score[(index_t)c * classes], far = acc(1) - iou;
            return s > (acc)threshold && iou > (acc)overlap ? s * m_exp(-far * far / (acc)sigma) : acc(0);
        };
        const acc total = team_sum(voters, weight);
        const Sums4 sum = team_sum4(voters, [&](int c, acc& x1, acc& y1, acc& x2, acc& y2) {
            const acc *o = candidates + 4 * (index_t)c, w = weight(c);
            x1 += w * o[0], y1 += w * o[1], x2 += w * o[2], y2 += w * o[3];
        });
        LANE_LOOP (i, 4) y[4 * t + i] = total > 0 ? sum.v[i] / total : k[i];
    }
}
