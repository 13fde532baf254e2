// Convolution forward, as a product of the image's patches with the weights: no matrix of patches is ever whole in memory.
#include <algorithm>

#include "gather.h"
#include "product.h"
#include "winograd.h"

namespace {

constexpr float kZeros[512] = {};

int64_t ceil_divide(int64_t a, int64_t b) { return a > 0 ? (a + b - 1) / b : a / b; }

// For each piece [begin, end) of a run that covers p0 .. p0 + depth, at p, and `count` rows: calls whole(p, r, n, from, step) for n rows
// from r on whose runs lie inside the image, the first one's at from, the others' step further each; and clipped(p, r, begin, end, low,
// high, run) for a row of which only the floats [low, high) do, at run + low.
template <class Whole, class Clipped>
inline void for_each_run(const Gather& g, int64_t row, int64_t count, int64_t p0, int64_t depth, Whole whole, Clipped clipped) {
    const int64_t run_floats = g.run_pixels * g.channels, image_stride = g.rows.extent * g.cols.extent * g.stride, step = g.cols.step;
    for (int64_t p = p0; p < p0 + depth;) {
        const int64_t tap = p / run_floats, begin = p - tap * run_floats, end = std::min(begin + p0 + depth - p, run_floats);
        const int64_t tap_row = g.rows.first + tap / g.cols.taps * g.rows.tap_step,
                      tap_col = g.cols.first + tap % g.cols.taps * g.cols.tap_step;
        // Of a row of places, [inside, outside) see whole runs.
        const int64_t inside = std::min(g.cols.places, std::max<int64_t>(0, ceil_divide(-tap_col, step)));
        const int64_t last = g.cols.extent - g.run_pixels - tap_col;
        const int64_t outside = last < 0 ? inside : std::max(inside, std::min(g.cols.places, last / step + 1));
        for (int64_t r = 0; r < count;) {
            const int64_t at = row + r, j = at % g.cols.places, i = at / g.cols.places % g.rows.places,
                          places = std::min(count - r, g.cols.places - j);
            const int64_t y = i * g.rows.step + tap_row;
            const float* line = g.image + at / (g.cols.places * g.rows.places) * image_stride + y * g.cols.extent * g.stride;
            const bool line_inside = g.rows.inside(y);
            const int64_t first = line_inside ? std::min(std::max(inside, j), j + places) : j + places;
            const int64_t behind = line_inside ? std::max(first, std::min(outside, j + places)) : j + places;
            const auto clip = [&](int64_t from, int64_t to) {
                for (int64_t q = from; q < to; q++) {
                    const int64_t x = q * step + tap_col;
                    const int64_t low = line_inside ? std::min(end, std::max(begin, -x * g.channels)) : begin;
                    const int64_t high = line_inside ? std::max(low, std::min(end, (g.cols.extent - x) * g.channels)) : begin;
                    clipped(p - p0, r + q - j, begin, end, low, high, line + x * g.stride);
                }
            };
            clip(j, first);
            if (behind > first)
                whole(p - p0, r + first - j, behind - first, line + (first * step + tap_col) * g.stride + begin, step * g.stride);
            clip(behind, j + places);
            r += places;
        }
        p += end - begin;
    }
}

inline void copy_inside(float* to, int64_t begin, int64_t end, int64_t low, int64_t high, const float* run) {
    fill_zero(to, low - begin);
    copy(to + low - begin, run + low, high - low);
    fill_zero(to + high - begin, end - high);
}

}  // namespace

void Gather::pack(int64_t row, int64_t count, int64_t p0, int64_t depth, float* to, int64_t ld) const {
    const int64_t run_floats = run_pixels * channels;
    const auto whole = [=](int64_t p, int64_t r, int64_t n, const float* from, int64_t step) {
        const int64_t floats = std::min(run_floats - (p0 + p) % run_floats, depth - p);
        for (int64_t i = 0; i < n; i++) copy(to + (r + i) * ld + p, from + i * step, floats);
    };
    const auto clipped = [=](int64_t p, int64_t r, int64_t begin, int64_t end, int64_t low, int64_t high, const float* run) {
        copy_inside(to + r * ld + p, begin, end, low, high, run);
    };
    for_each_run(*this, row, count, p0, depth, whole, clipped);
}

int64_t Gather::locate(int64_t row, int64_t count, int64_t p0, int64_t depth, float* room, int64_t ld, const float** starts,
                       int64_t stride) const {
    if (run() == 0) {
        pack(row, count, p0, depth, room, ld);
        for (int64_t r = 0; r < count; r++) starts[r] = room + r * ld;
        return depth;
    }
    const int64_t length = std::min(run(), depth);
    const auto whole = [=](int64_t p, int64_t r, int64_t n, const float* from, int64_t step) {
        const float** to = starts + p / length * stride + r;
        for (int64_t i = 0; i < n; i++) to[i] = from + i * step;
    };
    const auto clipped = [=](int64_t p, int64_t r, int64_t begin, int64_t end, int64_t low, int64_t high, const float* run) {
        const float** to = starts + p / length * stride + r;
        *to = kZeros;
        if (low == high) return;
        copy_inside(room + r * ld + p, begin, end, low, high, run);
        *to = room + r * ld + p;
    };
    for_each_run(*this, row, count, p0, depth, whole, clipped);
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
