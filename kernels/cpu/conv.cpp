// Convolution forward, as a product of the image's patches with the weights: no matrix of patches is ever whole in memory.
#include "gather.h"
#include "product.h"

void Gather::pack(int64_t row, int64_t count, int64_t p0, int64_t depth, float* to, int64_t ld) const {
    const int64_t run_floats = run_pixels * channels;
    for (int64_t p = p0; p < p0 + depth;) {
        const int64_t run = p / run_floats, begin = p - run * run_floats;
        const int64_t end = begin + p0 + depth - p < run_floats ? begin + p0 + depth - p : run_floats;
        const int64_t tap_row = rows.first + run / cols.taps * rows.tap_step, tap_col = cols.first + run % cols.taps * cols.tap_step;
        int64_t i = row / cols.places % rows.places, j = row % cols.places;
        const float* base = image + row / (rows.places * cols.places) * rows.extent * cols.extent * stride;
        float* out = to + p - p0;
        for (int64_t r = 0; r < count; r++, out += ld) {
            const int64_t y = i * rows.step + tap_row, x = j * cols.step + tap_col;
            const float* from = base + (y * cols.extent + x) * stride;
            // The part of the run that lies inside the image, as floats [low, high) of it.
            int64_t low = begin, high = begin;
            if (rows.inside(y)) {
                const int64_t left = x < 0 ? -x * channels : 0, right = (cols.extent - x) * channels;
                low = left < begin ? begin : left < end ? left : end;
                high = right < low ? low : right < end ? right : end;
            }
            if (low == begin && high == end) {
                copy(out, from + begin, end - begin);
            } else {
                fill_zero(out, low - begin);
                copy(out + low - begin, from + low, high - low);
                fill_zero(out + high - begin, end - high);
            }
            if (++j == cols.places) {
                j = 0;
                if (++i == rows.places) i = 0, base += rows.extent * cols.extent * stride;
            }
        }
        p += end - begin;
    }
}

Gather gather_forward(const ConvArgs& args, int64_t group) {
    const int64_t channels = args.channels / args.groups;
    Gather gather = {args.x + group * channels,
                     args.channels,
                     channels,
                     {args.out_height, args.kernel_h, args.height, args.stride_h, -args.pad_h, args.dilation_h},
                     {args.out_width, args.kernel_w, args.width, args.stride_w, -args.pad_w, args.dilation_w}};
    // Pixels side by side in memory are one run: a stem's 7 taps of 3 channels are 21 floats.
    if (args.dilation_w == 1 && args.groups == 1) gather.run_pixels = args.kernel_w, gather.cols.taps = 1;
    return gather;
}

namespace {

struct ForwardProduct final : Product {
    Gather patches;
    const float* weight = nullptr;  // (n, k)
    int64_t row_stride = 0;         // of c

    void pack_a(int64_t row, int64_t rows, int64_t p0, int64_t depth, float* to, int64_t ld) const override {
        patches.pack(row, rows, p0, depth, to, ld);
    }
    void pack_b(int64_t p0, int64_t depth, int64_t col, int64_t cols, float* to, int64_t width) const override {
        transpose(weight + col * k + p0, k, depth, cols, to, width);
    }
    void place(int64_t row, int64_t rows, int64_t* offsets) const override {
        for (int64_t i = 0; i < rows; i++) offsets[i] = (row + i) * row_stride;
    }
};

}  // namespace

void cpu_conv_forward(const ConvArgs* args, int worker, int workers) {
    const int64_t group_out = args->out_channels / args->groups, taps = args->kernel_h * args->kernel_w;
    const bool plain = taps == 1 && args->stride_h == 1 && args->stride_w == 1 && args->pad_h == 0 && args->pad_w == 0;
    for (int64_t group = 0; group < args->groups; group++) {
        const int64_t first = group * group_out;
        ForwardProduct product;
        product.patches = gather_forward(*args, group);
        product.m = args->batch * args->out_height * args->out_width, product.n = group_out;
        product.k = taps * product.patches.channels;
        product.weight = args->w + first * product.k, product.row_stride = args->out_channels;
        product.c = args->y + first;
        product.scale = args->scale ? args->scale + first : nullptr;
        product.bias = args->bias ? args->bias + first : nullptr;
        product.residual = args->residual ? args->residual + first : nullptr;
        product.activation = args->activation, product.accumulate = args->accumulate;
        // The patches of a 1×1 convolution are the image itself.
        if (plain) product.a = product.patches.image, product.lda = args->channels;
        multiply_share(product, worker, workers);
    }
}
