// Reading channels-last images as the matrices of a convolution: one row for each place of a grid, holding the runs of the image that its
// taps see.
#pragma once

#include "args.h"
#include "pack.h"

// One direction of a grid over an image: place i and tap r meet the image at i · step + first + r · tap_step, if that is inside.
struct Axis {
    int64_t places, taps, extent;
    int64_t step, first, tap_step;

    bool inside(int64_t at) const { return at >= 0 && at < extent; }
};

struct Gather {
    const float* image;        // (batch, rows.extent, cols.extent, stride), from the first channel that is read
    int64_t stride, channels;  // of a pixel; read of it
    Axis rows, cols;
    int64_t run_pixels = 1;  // neighbouring pixels that one tap of `cols` reads at once

    // to[i * ld + j] = element p0 + j of row `row` + i, for i < count, j < depth; 0 outside the image. A row is (rows.taps, cols.taps,
    // run_pixels, channels).
    void pack(int64_t row, int64_t count, int64_t p0, int64_t depth, float* to, int64_t ld) const;
    // For use in place, see Product::locate_a.
    int64_t locate(int64_t row, int64_t count, int64_t p0, int64_t depth, float* room, int64_t ld, const float** starts,
                   int64_t starts_stride) const;
    // The length of runs if they are long enough to be used in place, or 0.
    int64_t run() const { return run_pixels * channels < kLanes ? 0 : run_pixels * channels; }
};

// The forward convolution's view of x, for one group.
Gather gather_forward(const ConvArgs& args, int64_t group);
