#include "suppression.h"

enum SoftMethod { soft_linear, soft_gaussian, soft_naive };

// What a score is multiplied with where its box overlaps the one that was taken (Bodla et al., 2017).
template <int method>
FN float decay_of(float iou, float threshold, float sigma) {
    if (method == soft_gaussian) return m_exp(-(iou * iou) / sigma);
    return iou >= threshold ? (method == soft_linear ? 1.0f - iou : 0.0f) : 1.0f;
}

// Takes the box with the highest score that is left, of equal ones the first, and lowers the scores of its group's others by how much they
// overlap it; then those below `least` are no candidates any more. left[c] is a candidate's present score, -infinity where it is none.
template <int method>
FN void select_softly(int* kept, float* kept_scores, int* found, float* left, const float* boxes, const float* scores, const int* groups,
                      const int* counts, float threshold, float sigma, float least, float above, int batch, int total, int most) {
    TEAM_LOOP (b, batch) {
        const Corner4* box = (const Corner4*)boxes + b * total;
        const float* score = scores + b * total;
        const int* group = groups ? groups + b * total : nullptr;
        float *own = left + b * total, *own_scores = kept_scores + b * most;
        int* own_kept = kept + b * most;
        const int n = counts ? m_clamp(counts[b], 0, total) : total;
        LANE_LOOP (c, n) own[c] = score[c] > above ? score[c] : -INFINITY;
        int count = 0;
        while (count < most) {
            const MinIndex<float> best = team_min_index<float>(n, [&](int c) { return -own[c]; });
            if (best.index < 0) break;
            LANE_ZERO {
                own_kept[count] = best.index;
                own_scores[count] = -best.value;
            }
            const Corner4 by = box[best.index];
            const float by_area = area_of(by);
            const int by_group = group ? group[best.index] : 0;
            LANE_LOOP (c, n) {
                const float iou = iou_of(by, by_area, box[c], area_of(box[c]));
                const bool meets = iou == iou && (group ? group[c] : 0) == by_group;
                const float lowered = own[c] * (meets ? decay_of<method>(iou, threshold, sigma) : 1.0f);
                own[c] = c != best.index && lowered >= least ? lowered : -INFINITY;
            }
            ++count;
        }
        LANE_LOOP (k, most) {
            if (k >= count) {
                own_kept[k] = -1;
                own_scores[k] = 0;
            }
        }
        LANE_ZERO found[b] = count;
    }
}

KERNEL(soft_nms, int* kept, float* kept_scores, int* found,  // [batch, most], [batch, most], [batch]
       float* left,                                          // [batch, total]: for the kernel's own use
       const float* boxes, const float* scores,              // [batch, total, 4], [batch, total]
       const int* groups, const int* counts,                 // [batch, total] or null, [batch] or null
       int method, float threshold, float sigma, float least, float above, int batch, int total, int most) {
    switch (method) {
        case soft_linear:
            select_softly<soft_linear>(kept, kept_scores, found, left, boxes, scores, groups, counts, threshold, sigma, least, above, batch,
                                       total, most);
            break;
        case soft_gaussian:
            select_softly<soft_gaussian>(kept, kept_scores, found, left, boxes, scores, groups, counts, threshold, sigma, least, above,
                                         batch, total, most);
            break;
        default:
            select_softly<soft_naive>(kept, kept_scores, found, left, boxes, scores, groups, counts, threshold, sigma, least, above, batch,
                                      total, most);
    }
}
