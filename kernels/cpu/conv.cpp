// Convolution forward, as a product of the image's patches with the weights: no matrix of patches is ever whole in memory.
#include "gather.h"
#include "product.h"
#include "winograd.h"

namespace {

constexpr float kZeros[512] = {};

// Calls visit(p, r, run, begin, end, low, high) for each of `count` rows r and each piece [begin, end) of a run that covers p0 .. p0 +
// depth: its floats [low, high) lie inside the image, at run + low.
template <class F>
inline void for_each_run(const Gather& g, int64_t row, int64_t count, int64_t p0, int64_t depth, F visit) {
    const int64_t run_floats = g.run_pixels * g.channels, image_stride = g.rows.extent * g.cols.extent * g.stride;
    for (int64_t p = p0; p < p0 + depth;) {
        const int64_t run = p / run_floats, begin = p - run * run_floats;
        const int64_t end = begin + p0 + depth - p < run_floats ? begin + p0 + depth - p : run_floats;
        const int64_t tap_row = g.rows.first + run / g.cols.taps * g.rows.tap_step,
                      tap_col = g.cols.first + run % g.cols.taps * g.cols.tap_step;
        int64_t i = row / g.cols.places % g.rows.places, j = row % g.cols.places;
        const float* image = g.image + row / (g.rows.places * g.cols.places) * image_stride;
        for (int64_t r = 0; r < count; r++) {
            const int64_t y = i * g.rows.step + tap_row, x = j * g.cols.step + tap_col;
            int64_t low = begin, high = begin;
            if (g.rows.inside(y)) {
                const int64_t left = x < 0 ? -x * g.channels : 0, right = (g.cols.extent - x) * g.channels;
                low = left < begin ? begin : left < end ? left : end;
                high = right < low ? low : right < end ? right : end;
            }
            visit(p - p0, r, image + (y * g.cols.extent + x) * g.stride, begin, end, low, high);
            if (++j == g.cols.places) {
                j = 0;
                if (++i == g.rows.places) i = 0, image += image_stride;
            }
        }
        p += end - begin;
    }
}

inline void copy_inside(float* to, const float* run, int64_t begin, int64_t end, int64_t low, int64_t high) {
    fill_zero(to, low - begin);
    copy(to + low - begin, run + low, high - low);
    fill_zero(to + high - begin, end - high);
}

}  // namespace

void Gather::pack(int64_t row, int64_t count, int64_t p0, int64_t depth, float* to, int64_t ld) const {
    for_each_run(*this, row, count, p0, depth,
                 [=](int64_t p, int64_t r, const float* run, int64_t begin, int64_t end, int64_t low, int64_t high) {
                     float* out = to + r * ld + p;
                     if (low == begin && high == end) copy(out, run + begin, end - begin);
                     else copy_inside(out, run, begin, end, low, high);
                 });
}

int64_t Gather::locate(int64_t row, int64_t count, int64_t p0, int64_t depth, float* room, int64_t ld, const float** starts,
                       int64_t starts_stride) const {
    if (run() == 0) {
        pack(row, count, p0, depth, room, ld);
        for (int64_t r = 0; r < count; r++) starts[r] = room + r * ld;
        return depth;
    }
    const int64_t length = run() < depth ? run() : depth;
    const float** next = starts;
    for_each_run(*this, row, count, p0, depth,
                 [&](int64_t p, int64_t r, const float* run, int64_t begin, int64_t end, int64_t low, int64_t high) {
                     if (low == begin && high == end) next[r] = run + begin;
                     else if (low == high) next[r] = kZeros;
                     else copy_inside(room + r * ld + p, run, begin, end, low, high), next[r] = room + r * ld + p;
                     if (r == count - 1) next += starts_stride;
                 });
    return length;
}

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
