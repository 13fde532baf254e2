#include "kernel.h"

// Which of a head's candidates become queries. index[b, row]: a truth, counted from 0, of a positive; -1 of a negative; -2 of no candidate.

KERNEL(positive_queries_count, int* counts, const int* index,  // [batch], [batch, rows]
       int batch, int rows) {
    TEAM_LOOP (b, batch) {
        const int* own = index + b * rows;
        const acc positives = team_sum(rows, [&](int row) { return own[row] >= 0 ? acc(1) : acc(0); });
        LANE_ZERO counts[b] = (int)positives;
    }
}

KERNEL(positive_queries_most, int* most, const int* counts,  // [1], [batch]
       int batch) {
    ELEMENT_LOOP (i, 1) {
        int largest = 0;
        for (int b = 0; b < batch; ++b) largest = m_max(largest, counts[b]);
        most[i] = largest;
    }
}

// A picture with more positives than places draws among them; one with fewer has them all, in order, and draws negatives for the rest. The
// members of a pool, in order, have a number each and go by it: keys[b, row] is what is drawn by, largest first, no number outside the
// pool.
KERNEL(positive_queries_pools, float* keys, int* listed, int* pool,   // [batch, rows], [batch, length], [batch]: its size
       const int* index, const int* counts,                           // [batch, rows], [batch]
       const float* positive_numbers, const float* negative_numbers,  // [batch, rows] each; null: nothing is drawn from there
       int batch, int rows, int length) {
    TEAM_LOOP (b, batch) {
        const int* own = index + b * rows;
        float* key = keys + b * rows;
        int* list = listed + b * length;
        const bool cuts = counts[b] > length;
        const float* numbers = cuts ? positive_numbers : negative_numbers;
        const auto is_member = [&](int row) { return numbers && (cuts ? own[row] >= 0 : own[row] == -1); };
        const int size =
            team_scan(rows, is_member, [&](int row, int rank) { key[row] = is_member(row) ? -numbers[b * rows + rank] : NAN; });
        if (!cuts) {
            team_scan(
                rows, [&](int row) { return own[row] >= 0; },
                [&](int row, int rank) {
                    if (own[row] >= 0) list[rank] = row;
                });
        }
        LANE_ZERO pool[b] = size;
    }
}

// Query j: a listed positive or a drawn member; members repeat if they do not suffice; without any it is no query. Its box in units of the
// picture (cx, cy, w, h), its truth, and the row of the features.
KERNEL(positive_queries_fill, float* queries, int* fate, int* source,                // [batch, length, 4], [batch, length], [batch, length]
       const int* drawn, const int* listed, const int* pool,                         // [batch, most_drawn], [batch, length], [batch]
       const int* index, const int* counts, const float* boxes, const float* sizes,  // [batch, rows], [batch], [batch, rows, 4], [batch, 2]
       int batch, int rows, int length, int most_drawn, int per_token) {
    ELEMENT_LOOP (i, (index_t)batch * length) {
        const index_t b = i / length;
        const int j = (int)(i % length), before = counts[b] > length ? 0 : counts[b];
        const int row = j < before ? listed[i] : pool[b] > 0 ? drawn[b * most_drawn + (j - before) % pool[b]] : -1;
        fate[i] = row < 0 ? -2 : index[b * rows + row];
        source[i] = row < 0 ? -1 : row / per_token;
        const float* box = boxes + (b * rows + m_max(row, 0)) * 4;
        const float h = sizes[2 * b], w = sizes[2 * b + 1], some = row < 0 ? 0.0f : 1.0f;
        const float x1 = box[0] / w, y1 = box[1] / h, x2 = box[2] / w, y2 = box[3] / h;
        queries[4 * i] = some * ((x1 + x2) * 0.5f);
        queries[4 * i + 1] = some * ((y1 + y2) * 0.5f);
        queries[4 * i + 2] = some * (x2 - x1);
        queries[4 * i + 3] = some * (y2 - y1);
    }
}

// Candidates of priors: whatever is not positive counts as negative, and priors that do not lie within the picture are boxes of zeros.
KERNEL(positive_queries_priors, float* boxes, int* fate,             // [batch, rows, 4], [batch, rows]
       const float* priors, const int* index, const uint8_t* valid,  // [rows, 4], [batch, rows], [batch, rows] or null
       int batch, int rows) {
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        const float* prior = priors + i % rows * 4;
        const bool is_valid = !valid || valid[i];
        fate[i] = m_max(index[i], -1);
        boxes[4 * i] = is_valid ? prior[0] : 0.0f;
        boxes[4 * i + 1] = is_valid ? prior[1] : 0.0f;
        boxes[4 * i + 2] = is_valid ? prior[2] : 0.0f;
        boxes[4 * i + 3] = is_valid ? prior[3] : 0.0f;
    }
}
