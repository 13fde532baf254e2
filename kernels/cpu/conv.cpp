// Convolution forward, as a product of the image's patches with the weights: no matrix of patches is ever whole in memory.
#include "gather.h"
#include "product.h"
#include "winograd.h"

Gather gather_forward(const ConvArgs& args, int64_t group) {
    const int64_t channels = args.channels / args.groups;
    Gather gather = {args.x + group * channels,
                     args.channels,
                     channels,
                     {args.out_height, args.kernel_h, args.height, args.stride_h, -args.pad_h, args.dilation_h},
                     {args.out_width, args.kernel_w, args.width, args.stride_w, -args.pad_w, args.dilation_w}};
    // Pixels side by side in memory are one run: a stem's 7 taps of 3 channels are 21 floats.
    constexpr int64_t kLongEnough = 128;
    if (args.dilation_w == 1 && args.groups == 1 && channels < kLongEnough) gather.run_pixels = args.kernel_w, gather.cols.taps = 1;
    return gather;
}

namespace {

struct ForwardProduct final : Product {
    Gather patches;
    const float* weight = nullptr;  // (n, k)
    int64_t row_stride = 0;         // of c

    int64_t locate_a(int64_t row, int64_t rows, int64_t p0, int64_t depth, float* room, int64_t ld, const float** starts,
                     int64_t stride) const override {
        return patches.locate(row, rows, p0, depth, room, ld, starts, stride);
    }
    const float* find_b(int64_t p0, int64_t depth, int64_t col, int64_t cols, float* room, int64_t width) const override {
        transpose(weight + col * k + p0, k, depth, cols, room, width);
        return room;
    }
    void place(int64_t row, int64_t rows, int64_t* offsets) const override {
        for (int64_t i = 0; i < rows; i++) offsets[i] = (row + i) * row_stride;
    }
};

}  // namespace

void cpu_conv_forward(const ConvArgs* args, int worker, int workers) {
    if (suits_winograd(*args)) return winograd_forward(*args, worker, workers);
    const int64_t group_out = args->out_channels / args->groups, taps = args->kernel_h * args->kernel_w;
    for (int64_t group = 0; group < args->groups; group++) {
        const int64_t first = group * group_out;
        ForwardProduct product;
        product.patches = gather_forward(*args, group);
        product.m = args->batch * args->out_height * args->out_width, product.n = group_out;
        product.k = taps * product.patches.channels;
        product.weight = args->w + first * product.k, product.row_stride = args->out_channels;
        product.c = args->y + first;
        product.epilogue.scale = args->scale ? args->scale + first : nullptr;
        product.epilogue.bias = args->bias ? args->bias + first : nullptr;
        product.epilogue.residual = args->residual ? args->residual + first : nullptr;
        product.epilogue.activation = args->activation, product.epilogue.accumulate = args->accumulate;
        product.run = product.patches.run();
        multiply_share(product, worker, workers);
    }
}
