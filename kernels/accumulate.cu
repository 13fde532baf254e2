#include "kernel.h"

// y += x
KERNEL(accumulate_add, real* y, const real* x, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (real)((acc)y[i] + (acc)x[i]);
}

// y = value
KERNEL(accumulate_fill, real* y, float value, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (real)value;
}
