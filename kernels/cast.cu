#include "kernel.h"

// y = x in another type; numbers become integers by cutting off the fraction.
KERNEL(cast_real_to_float, float* y, const real* x, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (float)x[i];
}
KERNEL(cast_float_to_real, real* y, const float* x, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (real)x[i];
}
KERNEL(cast_real_to_double, double* y, const real* x, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (double)(acc)x[i];
}
KERNEL(cast_double_to_real, real* y, const double* x, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (real)(acc)x[i];
}
KERNEL(cast_real_to_int, int* y, const real* x, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (int)(acc)x[i];
}
KERNEL(cast_int_to_real, real* y, const int* x, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (real)(acc)x[i];
}
KERNEL(cast_real_to_byte, uint8_t* y, const real* x, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (uint8_t)(acc)x[i];
}
KERNEL(cast_byte_to_real, real* y, const uint8_t* x, index_t n) {
    ELEMENT_LOOP (i, n) y[i] = (real)(acc)x[i];
}
