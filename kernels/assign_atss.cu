#include "box.h"
#include "least.h"

// Adaptive training sample selection (Zhang et al., 2020): of each level the `near` anchors nearest to a truth are candidates;
// positive are those whose IoU reaches mean + standard deviation of all of the truth's candidates and whose centre lies inside it. use[b,
// row]: 0 no anchor, 1 an anchor, 2 one in an ignored region, which is a candidate only after all others of its level.

// What an anchor's centre is, and its fate so long as no truth claims it.
KERNEL(assign_atss_begin, float* centers, int* index, float* best,  // [2, rows], [batch, rows], [batch, rows]
       const float* anchors, const uint8_t* use,                    // [rows, 4], [batch, rows]
       int batch, int rows) {
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        index[i] = use[i] == 1 ? -1 : -2;
        best[i] = -1;
        if (i < rows) {
            centers[i] = (anchors[4 * i] + anchors[4 * i + 2]) * 0.5f;
            centers[rows + i] = (anchors[4 * i + 1] + anchors[4 * i + 3]) * 0.5f;
        }
    }
}

// The nearest anchors of a level, nearest first. One team per (picture, truth, level).
KERNEL(assign_atss_candidates, int* candidates,                   // [batch, most, levels, near]: rows, -1 if there are fewer
       const float* centers, const uint8_t* use,                  // [2, rows], [batch, rows]
       const float* boxes, const int* counts, const int* starts,  // [batch, most, 4], [batch], [levels]: first token of each
       int batch, int most, int rows, int levels, int per_token, int near) {
    TEAM_LOOP (t, (index_t)batch * most * levels) {
        const int level = (int)(t % levels);
        const index_t truth = t / levels, b = truth / most;
        if (truth % most < counts[b]) {
            TEAM_SCRATCH(double, best, most_lots);
            TEAM_SCRATCH(float, first, most_lots);
            const int begin = starts[level] * per_token, n = (level + 1 < levels ? starts[level + 1] * per_token : rows) - begin;
            const float* box = boxes + 4 * truth;
            const float x = (box[0] + box[2]) * 0.5f, y = (box[1] + box[3]) * 0.5f;
            const float *cx = centers + begin, *cy = centers + rows + begin;
            const uint8_t* own = use + b * rows + begin;
            // The squared distance: in double the products are exact, so that it is rounded once.
            const auto key = [&](int i) {
                const float dx = cx[i] - x, dy = cy[i] - y;
                const double d = (double)dx * dx + (double)dy * dy;
                return own[i] == 1 ? d : own[i] == 2 ? 1e16 : (double)INFINITY;
            };
            int* out = candidates + t * near;
            least_of_run(out, near, n, key, best, first);
            LANE_LOOP (i, near) out[i] += out[i] < 0 ? 0 : begin;
        }
    }
}

// What a truth asks of its candidates: mean + standard deviation (of a sample: of one alone it is no number, and nothing reaches it). In
// double, so that equal overlaps are not less than their mean.
FN acc least_overlap(const float* overlaps, const int* rows, int n) {
    int found = 0;
    double sum = 0, spread = 0;
    for (int c = 0; c < n; ++c) {
        sum += rows[c] < 0 ? 0.0 : (double)overlaps[c];
        found += rows[c] >= 0;
    }
    const double mean = sum / found;
    for (int c = 0; c < n; ++c) spread += rows[c] < 0 ? 0.0 : (overlaps[c] - mean) * (overlaps[c] - mean);
    return (acc)mean + (acc)m_sqrt(spread / (found - 1));
}

// The IoU of each candidate that is positive for its truth, -1 of others. One team per (picture, truth), lanes over candidates.
KERNEL(assign_atss_overlaps, float* overlaps, const int* candidates,  // [batch, most, of_truth], [batch, most, of_truth]
       const float* anchors, const float* centers,                    // [rows, 4], [2, rows]
       const float* boxes, const int* counts,                         // [batch, most, 4], [batch]
       int batch, int most, int rows, int of_truth) {
    TEAM_LOOP (truth, (index_t)batch * most) {
        if (truth % most < counts[truth / most]) {
            const int* own = candidates + truth * of_truth;
            float* overlap = overlaps + truth * of_truth;
            const float* t = boxes + 4 * truth;
            const Box box = {t[0], t[1], t[2], t[3]};
            LANE_LOOP (c, of_truth) {
                const float* a = anchors + 4 * (index_t)m_max(own[c], 0);
                overlap[c] = overlap_of({a[0], a[1], a[2], a[3]}, box, acc(1e-6)).iou();
            }
            team_sync();
            const acc threshold = least_overlap(overlap, own, of_truth);
            LANE_LOOP (c, of_truth) {
                const int row = m_max(own[c], 0);
                const acc x = centers[row], y = centers[rows + row];
                const acc inside = m_min(m_min(x - box.x1, y - box.y1), m_min(box.x2 - x, box.y2 - y));
                if (own[c] < 0 || !(overlap[c] >= threshold && inside > acc(0.01))) overlap[c] = -1;
            }
        }
    }
}

// An anchor that several truths claim goes to the one with the largest IoU, of equal ones to the first. One team per (picture, level): it
// takes truth by truth, the candidates of which are different anchors.
KERNEL(assign_atss_claim, int* index, float* best,    // [batch, rows], [batch, rows]: as begun
       const float* overlaps, const int* candidates,  // [batch, most, levels, near], the same
       const int* counts, int batch, int most, int rows, int levels, int near) {
    TEAM_LOOP (t, (index_t)batch * levels) {
        const index_t b = t / levels;
        for (int truth = 0; truth < counts[b]; ++truth) {
            const index_t at = ((b * most + truth) * levels + t % levels) * near;
            LANE_LOOP (c, near) {
                const index_t place = b * rows + m_max(candidates[at + c], 0);
                if (overlaps[at + c] >= 0 && overlaps[at + c] > best[place]) {
                    best[place] = overlaps[at + c];
                    index[place] = truth;
                }
            }
        }
    }
}
