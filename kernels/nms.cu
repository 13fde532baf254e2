#include "functions.h"
#include "suppression.h"

// Non-maximum suppression: the candidate with the highest score is kept, those of its group that overlap it by more than the threshold are
// not, and so on with what is left. Candidates are sorted once; then 64 at a time meet all that were kept before, and one another.

constexpr int sort_digits = 16, sort_segments = 256;

// Keys that ascend where scores descend. Bits of a float, read as a signed integer, order like the number; negative ones after turning all
// but the sign. Adding 0 makes one zero of both.
FN int descending_key(float score) {
    const int32_t bits = m_bits(score + 0.0f);
    return ~((bits < 0 ? bits ^ 0x7fffffff : bits) ^ (int32_t)0x80000000);
}

struct Keyed {
    int *key, *place;
};

// Sorts by key as an unsigned number, equal ones in their order: a radix sort of 4 bits at a time. Each lane counts, and later moves, a
// run of neighbours; count[digit, run] becomes where the run's elements of a digit begin. The result lies in `a`.
FN void sort_by_key(Keyed a, Keyed b, int n, int* count) {
    const int runs = m_clamp(n / 32, 1, sort_segments), length = (n + runs - 1) / runs;
    for (int shift = 0; shift < 32; shift += 4) {
        LANE_LOOP (i, sort_digits * runs) count[i] = 0;
        LANE_LOOP (r, runs) {
            for (int i = r * length; i < m_min(n, (r + 1) * length); ++i) ++count[((uint32_t)a.key[i] >> shift & 15) * runs + r];
        }
        team_scan(sort_digits * runs, [&](int i) { return count[i]; }, [&](int i, int before) { count[i] = before; });
        LANE_LOOP (r, runs) {
            for (int i = r * length; i < m_min(n, (r + 1) * length); ++i) {
                const int to = count[((uint32_t)a.key[i] >> shift & 15) * runs + r]++;
                b.key[to] = a.key[i];
                b.place[to] = a.place[i];
            }
        }
        const Keyed swapped = a;
        a = b;
        b = swapped;
    }
}

// order[b, 0 … candidates[b]): the places whose score is above `least`, highest score first, equal ones in their order.
KERNEL(nms_sort, int* order, int* candidates,  // [batch, boxes], [batch]
       int* keys, int* spare,                  // [batch, 2, boxes], [batch, boxes]: for the kernel's own use
       const float* scores, const int* counts, float least, int batch, int boxes) {  // [batch, boxes], [batch] or null
    TEAM_LOOP (b, batch) {
        TEAM_SCRATCH(int, count, sort_digits* sort_segments);
        const float* score = scores + b * boxes;
        const Keyed own = {keys + b * 2 * boxes, order + b * boxes}, other = {own.key + boxes, spare + b * boxes};
        const auto is_candidate = [&](int c) { return score[c] > least ? 1 : 0; };
        const int n = team_scan(counts ? m_clamp(counts[b], 0, boxes) : boxes, is_candidate, [&](int c, int i) {
            if (is_candidate(c)) {
                own.key[i] = descending_key(score[c]);
                own.place[i] = c;
            }
        });
        sort_by_key(own, other, n, count);
        LANE_ZERO candidates[b] = n;
    }
}

constexpr int nms_block = 64, nms_parts = 16;

// 64 candidates side by side: a lane each.
struct Block {
    float *x1, *y1, *x2, *y2, *area;
    int* group;

    METHOD void set(int c, const Corner4& box, int own_group) const {
        x1[c] = box.v[0], y1[c] = box.v[1], x2[c] = box.v[2], y2[c] = box.v[3];
        area[c] = area_of(box);
        group[c] = own_group;
    }
    METHOD int is_hit(int c, const Corner4& by, float by_area, int by_group, float threshold) const {
        const Corner4 own = {{x1[c], y1[c], x2[c], y2[c]}};
        return (int)(iou_of(by, by_area, own, area[c]) > threshold) & (int)(group[c] == by_group);
    }
};

KERNEL(nms_suppress, int* kept, int* found,    // [batch, most], [batch]
       const float* boxes, const int* groups,  // [batch, total, 4], [batch, total] or null
       const int* order, const int* candidates, float threshold, int batch, int total, int most) {  // [batch, total], [batch]
    TEAM_LOOP (b, batch) {
        TEAM_SCRATCH(float, sides, 5 * nms_block);
        TEAM_SCRATCH(int, block_group, nms_block);
        TEAM_SCRATCH(int, hit, nms_parts* nms_block);
        const Block block = {sides, sides + nms_block, sides + 2 * nms_block, sides + 3 * nms_block, sides + 4 * nms_block, block_group};
        const Corner4* box = (const Corner4*)boxes + b * total;
        const int *group = groups ? groups + b * total : nullptr, *at = order + b * total;
        int* own_kept = kept + b * most;
        int count = 0;
        for (int begin = 0; begin < candidates[b] && count < most; begin += nms_block) {
            const int size = m_min(nms_block, candidates[b] - begin);
            LANE_LOOP (c, size) {
                const int i = at[begin + c];
                block.set(c, box[i], group ? group[i] : 0);
            }
            // What was kept before, a sixteenth for each group of lanes.
            GROUP_LOOP (p, nms_parts, size) {
                GROUP_LANES (c, size, p) hit[p * nms_block + c] = 0;
                for (int k = p; k < count; k += nms_parts) {
                    const int i = own_kept[k], by_group = group ? group[i] : 0;
                    const Corner4 by = box[i];
                    const float by_area = area_of(by);
                    GROUP_LANES (c, size, p) hit[p * nms_block + c] |= block.is_hit(c, by, by_area, by_group, threshold);
                }
            }
            LANE_LOOP (c, size) {
                for (int p = 1; p < nms_parts; ++p) hit[c] |= hit[p * nms_block + c];
            }
            team_sync();
            for (int k = 0; k < size && count < most; ++k) {
                if (hit[k]) continue;
                const Corner4 by = {{block.x1[k], block.y1[k], block.x2[k], block.y2[k]}};
                const float by_area = block.area[k];
                const int by_group = block.group[k];
                LANE_ZERO own_kept[count] = at[begin + k];
                LANE_LOOP (c, size) hit[c] |= (int)(c > k) & block.is_hit(c, by, by_area, by_group, threshold);
                team_sync();
                ++count;
            }
            team_sync();
        }
        LANE_LOOP (k, most) {
            if (k >= count) own_kept[k] = -1;
        }
        LANE_ZERO found[b] = count;
    }
}
