#include "functions.h"

// A random sample of assigned predictions: some of the positives, then of the background what is missing of the number wanted. -1 is
// background, -2 counts nowhere (Assignment.cs).

enum { NEGATIVE = -1, IGNORED = -2 };

// The objects of each picture, answering for themselves, in front of its proposals.
KERNEL(sample_roi_pool, float* boxes, int* index,                  // [batch, most + proposals, 4], [batch, most + proposals]
       const float* proposals, const int* counts, const int* own,  // [batch, proposals, 4], [batch], [batch, proposals]
       const float* truth_boxes, const int* truth_counts,          // [batch, most, 4], [batch]
       int batch, int count, int most) {
    const int rows = most + count;
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        const index_t picture = i / rows;
        const int c = (int)(i % rows), p = c - most;
        const float* from = c < most ? truth_boxes + (picture * most + c) * 4 : proposals + (picture * count + p) * 4;
        for (int j = 0; j < 4; ++j) boxes[4 * i + j] = from[j];
        index[i] = c < most ? (c < truth_counts[picture] ? c : IGNORED) : p < counts[picture] ? own[picture * count + p] : IGNORED;
    }
}

// Bits of the k-th smallest of n keys that are not negative, k <= n; bits of such numbers order like them. For k = 0 it is 0: nothing is
// below.
FN int smallest_key(const float* keys, int n, int k) {
    int found = 0;
    for (int bit = 1 << 30; bit; bit >>= 1) {
        if (team_sum(n, [&](int r) { return m_bits(keys[r]) < (found | bit) ? acc(1) : acc(0); }) < (acc)k) found |= bit;
    }
    return found;
}

// One team for the positives of a picture and one for its background. The r-th member of a pool has the key r; those with the smallest keys
// are kept, of equal ones the first.
KERNEL(sample_roi_choose, int* sampled, int* ranks, const int* index,  // [batch, rows]; ranks are for the kernel's own use
       const float* positive_keys, const float* negative_keys,         // [batch, rows]
       int batch, int rows, int count, int most_positive,
       float per_positive) {  // of the background at most so many for each positive, if >= 0
    TEAM_LOOP (t, (index_t)batch * 2) {
        const index_t first = t / 2 * rows;
        const bool of_background = t % 2 == 1;
        const int* own = index + first;
        int *to = sampled + first, *rank = ranks + first;
        const float* keys = (of_background ? negative_keys : positive_keys) + first;
        const auto is_member = [&](int c) { return of_background ? own[c] == NEGATIVE : own[c] >= 0; };
        const int members = team_scan(rows, is_member, [&](int c, int i) {
            if (is_member(c)) rank[c] = i;
        });
        int wanted = most_positive;
        if (of_background) {
            const int positives = m_min((int)team_sum(rows, [&](int c) { return own[c] >= 0 ? acc(1) : acc(0); }), most_positive);
            wanted = count - positives;
            if (per_positive >= 0) wanted = m_min(wanted, (int)(per_positive * (float)m_max(positives, 1)));
        }
        const int last = members > wanted ? smallest_key(keys, members, wanted) : 0x7fffffff;
        const int below =
            members > wanted ? (int)team_sum(members, [&](int r) { return m_bits(keys[r]) < last ? acc(1) : acc(0); }) : members;
        const auto is_equal = [&](int c) { return is_member(c) && m_bits(keys[rank[c]]) == last; };
        team_scan(rows, is_equal, [&](int c, int i) {
            if (is_member(c)) to[c] = m_bits(keys[rank[c]]) < last || (is_equal(c) && below + i < wanted) ? own[c] : IGNORED;
            if (!of_background && own[c] <= IGNORED) to[c] = IGNORED;
        });
    }
}

// What was sampled, together: positives, then background, each in the order of their places; then zeros that count nowhere.
KERNEL(sample_roi_gather, float* boxes, int* index, int* counts,                // [batch, most, 4], [batch, most], [batch]
       const float* from, const int* sampled, int batch, int rows, int most) {  // [batch, rows, 4], [batch, rows]
    TEAM_LOOP (picture, batch) {
        const int* own = sampled + picture * rows;
        const auto put = [&](int c, int at) {
            for (int j = 0; j < 4; ++j) boxes[(picture * most + at) * 4 + j] = from[(picture * rows + c) * 4 + j];
            index[picture * most + at] = own[c];
        };
        const int positives = team_scan(
            rows, [&](int c) { return own[c] >= 0; },
            [&](int c, int i) {
                if (own[c] >= 0 && i < most) put(c, i);
            });
        const int negatives = team_scan(
            rows, [&](int c) { return own[c] == NEGATIVE; },
            [&](int c, int i) {
                if (own[c] == NEGATIVE && positives + i < most) put(c, positives + i);
            });
        const int all = m_min(positives + negatives, most);
        LANE_ZERO counts[picture] = all;
        LANE_LOOP (i, most - all) {
            for (int j = 0; j < 4; ++j) boxes[(picture * most + all + i) * 4 + j] = 0.0f;
            index[picture * most + all + i] = IGNORED;
        }
    }
}
