#include "kernel.h"

// What the best of each level of a pyramid become when the levels are put one after another.

// Places within a level's rows to rows of the whole pyramid: rows[b, at + j] = first + places[b, j].
KERNEL(level_top_rows, int* rows, const int* places,  // [batch, all], [batch, k]
       int batch, int k, int first, int at, int all) {
    ELEMENT_LOOP (i, (index_t)batch * k) rows[i / k * all + at + i % k] = first + places[i];
}

// The best (row, class) pairs of a level as candidates. A score is multiplied by the row's quality after it was compared with the
// threshold; one that is not above it becomes -infinity.
KERNEL(level_top_pairs, acc* boxes, acc* scores, int* labels,  // [batch, all, 4], [batch, all], [batch, all]
       const acc* values, const int* places, const acc* row_boxes,
       const acc* row_quality,  // [batch, k] of [level rows, classes]; [batch, rows …]
       int batch, int k, int classes, int first, int rows, int at, int all, float threshold) {
    ELEMENT_LOOP (i, (index_t)batch * k) {
        const index_t b = i / k, to = b * all + at + i % k, row = b * rows + first + places[i] / classes;
        const acc* from = row_boxes + row * 4;
        boxes[to * 4] = from[0], boxes[to * 4 + 1] = from[1], boxes[to * 4 + 2] = from[2], boxes[to * 4 + 3] = from[3];
        labels[to] = places[i] % classes;
        scores[to] = values[i] > (acc)threshold ? values[i] * (row_quality ? row_quality[row] : acc(1)) : -(acc)INFINITY;
    }
}
