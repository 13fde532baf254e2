#include "box.h"

// Each prior answers for the object that it overlaps most, or is background, or counts nowhere (Ren et al., 2015). Priors come in blocks:
// for each object the best overlap of a block is kept, never that of every prior.

enum { NEGATIVE = -1, IGNORED = -2 };  // as in Assignment.cs

FN Box box_at(const float* p) { return {(acc)p[0], (acc)p[1], (acc)p[2], (acc)p[3]}; }

// The same number in every kernel here, so that a best overlap is found again.
FN float iou_of(const Box& a, const Box& b) { return (float)overlap_of(a, b, acc(1e-6)).iou(); }

FN bool is_prior(const uint8_t* valid, const int* counts, index_t picture, int rows, int row) {
    return (!valid || valid[picture * rows + row]) && (!counts || row < counts[picture]);
}

// 1 for priors that lie in no ignored region with more than a share of their own area, or of the region's. A picture without objects is all
// background: there regions say nothing.
KERNEL(assign_iou_outside, uint8_t* outside, const float* boxes,
       const uint8_t* valid,                            // [batch, rows], [(batch,) rows, 4], [batch, rows] or null
       const int* counts, const int* truth_counts,      // [batch] or null, [batch]
       const float* regions, const int* region_counts,  // [batch, regions, 4], [batch]
       int batch, int rows, index_t boxes_of_picture, int most_regions, float threshold, int of_prior) {
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        const index_t picture = i / rows;
        const int row = (int)(i % rows);
        const Box prior = box_at(boxes + (picture * boxes_of_picture + row) * 4);
        bool is_outside = is_prior(valid, counts, picture, rows, row);
        for (int k = 0; k < (truth_counts[picture] ? region_counts[picture] : 0); ++k) {
            const Box region = box_at(regions + (picture * most_regions + k) * 4);
            const acc area = of_prior ? prior.area() : region.area();
            if (overlap_of(prior, region, acc(1e-6)).inter / m_max(area, acc(1e-6)) > threshold) is_outside = false;
        }
        outside[i] = is_outside ? 1 : 0;
    }
}

KERNEL(assign_iou_blocks, int* index, float* overlaps, float* best,  // [batch, rows], [batch, rows], [batch, blocks, most] or null
       const float* boxes, const uint8_t* valid, const int* counts,  // [(batch,) rows, 4], [batch, rows] or null, [batch] or null
       const float* truth_boxes, const int* truth_counts,            // [batch, most, 4], [batch]
       int batch, int rows, index_t boxes_of_picture, int most, int block, float positive, float negative_from, float negative) {
    const int blocks = (rows + block - 1) / block;
    TEAM_LOOP (t, (index_t)batch * blocks) {
        const index_t picture = t / blocks;
        const int begin = (int)(t % blocks) * block, n = m_min(block, rows - begin), truths = truth_counts[picture];
        TEAM_SCRATCH(float, x1, block);
        TEAM_SCRATCH(float, y1, block);
        TEAM_SCRATCH(float, x2, block);
        TEAM_SCRATCH(float, y2, block);
        TEAM_SCRATCH(float, overlap, block);
        TEAM_SCRATCH(float, top, block);
        TEAM_SCRATCH(int, own, block);
        TEAM_SCRATCH(int, counts_here, block);
        LANE_LOOP (c, n) {
            const float* b = boxes + (picture * boxes_of_picture + begin + c) * 4;
            x1[c] = b[0];
            y1[c] = b[1];
            x2[c] = b[2];
            y2[c] = b[3];
            top[c] = -1;
            own[c] = 0;
            counts_here[c] = is_prior(valid, counts, picture, rows, begin + c) ? 1 : 0;
        }
        for (int k = 0; k < truths; ++k) {
            const Box truth = box_at(truth_boxes + (picture * most + k) * 4);
            LANE_LOOP (c, n) {
                const float o = iou_of({(acc)x1[c], (acc)y1[c], (acc)x2[c], (acc)y2[c]}, truth);
                overlap[c] = counts_here[c] ? o : -1.0f;
                own[c] = overlap[c] > top[c] ? k : own[c];
                top[c] = overlap[c] > top[c] ? overlap[c] : top[c];
            }
            if (best) {
                const float most_here = (float)team_max(n, [&](int c) { return (acc)overlap[c]; });
                LANE_ZERO best[t * most + k] = most_here;
            }
        }
        LANE_LOOP (c, n) {
            const bool is_background = truths == 0 || (top[c] >= negative_from && top[c] < negative);
            const int fate = truths > 0 && top[c] >= positive ? own[c] : is_background ? NEGATIVE : IGNORED;
            index[picture * rows + begin + c] = counts_here[c] ? fate : IGNORED;
            overlaps[picture * rows + begin + c] = counts_here[c] && truths == 0 ? 0.0f : top[c];
        }
    }
}

// The best overlap of each object with any prior, and the first block that has it.
KERNEL(assign_iou_best, float* best, int* block_of_best,  // [batch, most], [batch, most]
       const float* best_of_block, const int* truth_counts, int batch, int blocks, int most) {
    TEAM_LOOP (t, (index_t)batch * most) {
        const index_t picture = t / most;
        if ((int)(t % most) < truth_counts[picture]) {
            const float* own = best_of_block + picture * blocks * most + t % most;
            const MinIndex<float> least = team_min_index<float>(blocks, [&](int c) { return -own[(index_t)c * most]; });
            LANE_ZERO {
                best[t] = -least.value;
                block_of_best[t] = least.index;
            }
        }
    }
}

// An object takes the priors, or the first prior, that overlap it as much as any does, whatever was decided about them; a later object
// takes from an earlier one. Only blocks that have such a prior look for it.
KERNEL(assign_iou_low_quality, int* index, const float* best, const int* block_of_best, const float* best_of_block, const float* boxes,
       const uint8_t* valid, const int* counts, const float* truth_boxes, const int* truth_counts, int batch, int rows,
       index_t boxes_of_picture, int most, int block, float least_positive, int all_best) {
    const int blocks = (rows + block - 1) / block;
    TEAM_LOOP (t, (index_t)batch * blocks) {
        const index_t picture = t / blocks;
        const int at = (int)(t % blocks), begin = at * block, n = m_min(block, rows - begin), truths = truth_counts[picture];
        for (int k = 0; k < truths; ++k) {
            const float top = best[picture * most + k];
            if (top < least_positive || best_of_block[t * most + k] != top || (!all_best && block_of_best[picture * most + k] != at))
                continue;
            const Box truth = box_at(truth_boxes + (picture * most + k) * 4);
            const auto is_best = [&](int c) {
                return is_prior(valid, counts, picture, rows, begin + c) &&
                       iou_of(box_at(boxes + (picture * boxes_of_picture + begin + c) * 4), truth) == top;
            };
            int* own = index + picture * rows + begin;
            if (all_best) {
                LANE_LOOP (c, n)
                    if (is_best(c)) own[c] = k;
            } else {
                const int first = team_min_index<float>(n, [&](int c) { return is_best(c) ? (float)c : (float)INFINITY; }).index;
                LANE_ZERO own[first] = k;
            }
        }
    }
}
