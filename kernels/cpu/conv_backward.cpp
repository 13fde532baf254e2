// The gradients of a convolution with respect to its image and its weights. Both gather: nothing is ever added to a place that another
// worker writes.
#include "gather.h"
#include "product.h"
#include "winograd.h"

namespace {

// dx at pixels of one phase (row % stride_h, column % stride_w): these see the same taps of the kernel, and dy at consecutive places.
struct DataProduct final : Product {
    Gather patches;                 // of dy: (taps, out channels of the group)
    const float* weight = nullptr;  // of the group
    int64_t weight_row = 0;         // floats of one output channel's weights
    int64_t tap_row, tap_row_step;  // weights' place of the first tap, and from one tap row to the next
    int64_t tap_col_step;
    int64_t offset, pixel_stride, row_stride, image_stride;  // of dx

    int64_t locate_a(int64_t row, int64_t rows, int64_t p0, int64_t depth, float* room, int64_t ld, const float** starts,
                     int64_t stride) const override {
        return patches.locate(row, rows, p0, depth, room, ld, starts, stride);
    }
    const float* find_b(int64_t p0, int64_t depth, int64_t col, int64_t cols, float* room, int64_t width) const override {
        for (int64_t p = p0; p < p0 + depth; p++) {
            const int64_t tap = p / patches.channels, out = p % patches.channels;
            const int64_t at = tap_row + tap / patches.cols.taps * tap_row_step + tap % patches.cols.taps * tap_col_step;
            copy_padded(room + (p - p0) * width, weight + out * weight_row + at + col, cols);
        }
        return room;
    }
    void place(int64_t row, int64_t rows, int64_t* offsets) const override {
        const int64_t width = patches.cols.places, height = patches.rows.places;
        for (int64_t r = row; r < row + rows; r++)
            *offsets++ = offset + r / (width * height) * image_stride + r / width % height * row_stride + r % width * pixel_stride;
    }
};

// The taps t of `taps` that a pixel of this phase meets: those where pixel = place · stride - pad + t · dilation has a whole place.
struct Taps {
    int64_t first, step;
    Axis axis;  // over dy: places are the pixels of the phase
};

Taps taps_of_phase(int64_t phase, int64_t stride, int64_t pad, int64_t dilation, int64_t taps, int64_t pixels, int64_t places) {
    const auto meets = [=](int64_t tap) { return (phase + pad - tap * dilation) % stride == 0; };
    int64_t first = 0, step = 1, count = 0;
    while (first < taps && !meets(first)) first++;
    while (step * dilation % stride != 0) step++;
    for (int64_t tap = first; tap < taps; tap += step) count++;
    const int64_t start = first < taps ? (phase + pad - first * dilation) / stride : 0;
    return {first, step, {(pixels - phase + stride - 1) / stride, count, places, 1, start, -(step * dilation / stride)}};
}

// dw = dyᵀ · patches of x: k runs over all pixels.
struct WeightProduct final : OuterProduct {
    Gather patches;

    void find_b(int64_t p0, int64_t depth, int64_t col, int64_t cols, float* room, const float** starts) const override {
        const int64_t run = patches.run();
        if (run > 0 && cols % kLanes == 0 && col / run == (col + cols - 1) / run) {
            patches.locate(p0, depth, col, cols, room, kTileCols, starts, depth);
        } else {
            patches.pack(p0, depth, col, cols, room, kTileCols);
            for (int64_t p = 0; p < depth; p++) {
                fill_zero(room + p * kTileCols + cols, -cols & (kLanes - 1));
                starts[p] = room + p * kTileCols;
            }
        }
    }
};

void backward_data_phase(const ConvArgs& args, int64_t group, const Taps& rows, const Taps& cols, int64_t row, int64_t col, int worker,
                         int workers) {
    const int64_t channels = args.channels / args.groups, out_channels = args.out_channels / args.groups;
    DataProduct product;
    product.patches = {args.y + group * out_channels, args.out_channels, out_channels, rows.axis, cols.axis};
    product.m = args.batch * rows.axis.places * cols.axis.places, product.n = channels;
    product.k = rows.axis.taps * cols.axis.taps * out_channels;
    product.weight_row = args.kernel_h * args.kernel_w * channels;
    product.weight = args.w + group * out_channels * product.weight_row;
    product.tap_row = (rows.first * args.kernel_w + cols.first) * channels;
    product.tap_row_step = rows.step * args.kernel_w * channels, product.tap_col_step = cols.step * channels;
    product.c = args.x + group * channels;
    product.offset = (row * args.width + col) * args.channels;
    product.pixel_stride = args.stride_w * args.channels;
    product.row_stride = args.stride_h * args.width * args.channels;
    product.image_stride = args.height * args.width * args.channels;
    product.epilogue.accumulate = args.accumulate;
    product.run = product.patches.run();
    multiply_share(product, worker, workers);
}

}  // namespace

void cpu_conv_backward_data(const ConvArgs* args, int worker, int workers) {
    if (suits_winograd(*args)) return winograd_backward_data(*args, worker, workers);
    for (int64_t row = 0; row < args->stride_h && row < args->height; row++) {
        const Taps rows = taps_of_phase(row, args->stride_h, args->pad_h, args->dilation_h, args->kernel_h, args->height, args->out_height);
        for (int64_t col = 0; col < args->stride_w && col < args->width; col++) {
            const Taps cols =
                taps_of_phase(col, args->stride_w, args->pad_w, args->dilation_w, args->kernel_w, args->width, args->out_width);
            for (int64_t group = 0; group < args->groups; group++) backward_data_phase(*args, group, rows, cols, row, col, worker, workers);
        }
    }
}

void cpu_conv_backward_weight(const ConvArgs* args, int worker, int workers) {
    const int64_t out_channels = args->out_channels / args->groups;
    for (int64_t group = 0; group < args->groups; group++) {
        WeightProduct product;
        product.patches = gather_forward(*args, group);
        product.a = args->y + group * out_channels, product.lda = args->out_channels;
        product.m = out_channels;
        product.n = args->kernel_h * args->kernel_w * product.patches.channels;
        product.k = args->batch * args->out_height * args->out_width;
        product.c = args->w + group * out_channels * product.n, product.ldc = product.n;
        product.epilogue.accumulate = args->accumulate;
        multiply_share(product, worker, workers);
    }
}
