#include "kernel.h"

// What follows a product or a convolution, backwards: dz = dy where y > 0 (y null: no activation, dz null: not wanted). Each of `runs`
// teams also sums its own run of rows into its own partial row of dbias; a column sum finishes. No atomics, the same bits every time.
KERNEL(epilogue_backward, real* dz, acc* dbias,  // [rows, channels] or null, [runs, channels] or null
       const real* dy, const real* y,            // [rows, channels]; y may be null
       index_t rows, int channels, int runs) {
    TEAM_LOOP (t, runs) {
        const index_t begin = rows * t / runs, end = rows * (t + 1) / runs;
        acc* db = dbias ? dbias + t * channels : dbias;
        if (dbias) {
            LANE_LOOP (c, channels) db[c] = 0;
        }
        for (index_t r = begin; r < end; ++r) {
            const real* dyr = dy + r * channels;
            if (y) {
                const real* yr = y + r * channels;
                real* dzr = dz + r * channels;
                LANE_LOOP (c, channels) dzr[c] = (acc)yr[c] <= 0 ? (real)0 : dyr[c];
                dyr = dzr;
            }
            if (dbias) {
                LANE_LOOP (c, channels) db[c] += (acc)dyr[c];
            }
        }
    }
}

// y[r, c] = x[r, c] * scale[r]: a frozen scale of output channels moves onto the rows of the weight, which are few.
KERNEL(epilogue_scale_rows, real* y, const real* x, const acc* scale,  // [rows, columns], [rows, columns], [rows]
       int rows, int columns) {
    TEAM_LOOP (r, rows) {
        const acc s = scale[r];
        LANE_LOOP (c, columns) y[r * columns + c] = (real)((acc)x[r * columns + c] * s);
    }
}

// y[r, :] = row: where sums begin that a transposed convolution adds to.
KERNEL(epilogue_fill_rows, real* y, const acc* row, index_t rows, int channels) {
    TEAM_LOOP (r, rows) {
        LANE_LOOP (c, channels) y[r * channels + c] = (real)row[c];
    }
}
