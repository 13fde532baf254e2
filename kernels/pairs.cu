#include "kernel.h"

// Places in a flattened [rows, columns] taken apart; a negative place is of row and column -1.
KERNEL(pairs_split, int* row, int* column, const int* place, index_t count, int columns) {  // all of the same shape
    ELEMENT_LOOP (i, count) {
        const int at = place[i];
        row[i] = at < 0 ? -1 : at / columns;
        column[i] = at < 0 ? -1 : at % columns;
    }
}
