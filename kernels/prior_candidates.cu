#include "kernel.h"

// Priors of every picture with their fate (an object, or a negative number). One that is not valid keeps its place: a box of zeros, and
// background (-1) whatever it was.
KERNEL(prior_candidates, acc* boxes, int* index,                      // [batch, rows, 4], [batch, rows]
       const acc* priors, const int* assigned, const uint8_t* valid,  // [rows, 4], [batch, rows], [batch, rows] or null
       index_t count, index_t rows) {
    ELEMENT_LOOP (i, count) {
        const bool stays = !valid || valid[i];
        const acc* p = priors + i % rows * 4;
        acc* b = boxes + i * 4;
        b[0] = stays ? p[0] : acc(0), b[1] = stays ? p[1] : acc(0), b[2] = stays ? p[2] : acc(0), b[3] = stays ? p[3] : acc(0);
        index[i] = stays ? assigned[i] : -1;
    }
}
