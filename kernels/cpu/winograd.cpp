// Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for each 4×4 patch d of the image and its 2×2 outputs Y; over all channels the elementwise products of the
// 16 positions are 16 matrix products (patches, channels) × (channels, outputs). (Lavin and Gray, 2015, arXiv:1509.09308)
#include "winograd.h"

#include "pack.h"
#include "product.h"
#include "scratch.h"

namespace {

constexpr int kPositions = 16;
constexpr int64_t kMostChannels = 4096;
constexpr float kOutside[kMostChannels] = {};  // a pixel outside the image

thread_local Scratch winograd_scratch;

// A 3×3 convolution of stride 1, or the same of a gradient with the kernel turned around.
struct Convolution {
    const float* image;
    const float* weight;
    bool turned;  // weight is (channels, 3, 3, out_channels), to be read backwards, instead of (out_channels, 3, 3, channels)
    int64_t batch, height, width, channels;
    float* out;
    int64_t out_height, out_width, out_channels;
    int64_t pad_h, pad_w;
    Epilogue epilogue;

    int64_t patch_rows() const { return (out_height + 1) / 2; }
    int64_t patch_cols() const { return (out_width + 1) / 2; }
};

// x → Bᵀ x, of four vectors `step` apart.
inline void transform_patch_line(Vec* x, int step) {
    const Vec a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a - c, x[step] = b + c, x[2 * step] = c - b, x[3 * step] = b - d;
}

// The place in memory of one position's matrix follows the one before at a distance that does not put all 16 into one set of the cache.
int64_t spread(int64_t floats) { return floats + 5 * 16; }

// to[position][patch][channel] for patches first .. first + count.
void transform_patches(const Convolution& conv, int64_t first, int64_t count, float* to, int64_t position_stride) {
    constexpr int64_t kAhead = 12;  // pixels between a patch and what is fetched from memory meanwhile
    const int64_t cols = conv.patch_cols(), rows = conv.patch_rows(), channels = conv.channels;
    for (int64_t patch = first; patch < first + count; patch++, to += channels) {
        const int64_t y = patch / cols % rows * 2 - conv.pad_h, x = patch % cols * 2 - conv.pad_w;
        const float* image = conv.image + patch / (cols * rows) * conv.height * conv.width * channels;
        const float* pixels[kPositions];
        for (int64_t i = 0; i < 4; i++)
            for (int64_t j = 0; j < 4; j++) {
                const bool inside = y + i >= 0 && y + i < conv.height && x + j >= 0 && x + j < conv.width;
                pixels[i * 4 + j] = inside ? image + ((y + i) * conv.width + x + j) * channels : kOutside;
            }
        for (int64_t c = 0; c < channels; c += kLanes) {
            Vec d[kPositions];
            UNROLL
            for (int i = 0; i < kPositions; i++) {
                d[i] = load(pixels[i] + c);
                if (i % 4 > 1) __builtin_prefetch(pixels[i] + c + kAhead * channels);
            }
            UNROLL
            for (int j = 0; j < 4; j++) transform_patch_line(d + j, 4);
            UNROLL
            for (int i = 0; i < 4; i++) transform_patch_line(d + 4 * i, 1);
            UNROLL
            for (int i = 0; i < kPositions; i++) store(to + i * position_stride + c, d[i]);
        }
    }
}

// x → G x, from three vectors to four.
inline void transform_weight_line(const Vec* x, int step, Vec* y, int y_step) {
    const Vec sum = 0.5f * (x[0] + x[2 * step]), middle = 0.5f * x[step];
    y[0] = x[0], y[y_step] = sum + middle, y[2 * y_step] = sum - middle, y[3 * y_step] = x[2 * step];
}

// to[position][panel of kTileCols columns][channel][column], as find_b is to find it.
void transform_weights(const Convolution& conv, Range cols, float* to, int64_t position_stride) {
    const int64_t channels = conv.channels, outs = conv.out_channels;
    for (int64_t col = cols.begin; col < cols.end; col += kLanes) {
        const int64_t panel = (col - cols.begin) / kTileCols, first = cols.begin + panel * kTileCols;
        const int64_t width = cols.end - first < kTileCols ? cols.end - first : kTileCols;
        for (int64_t c0 = 0; c0 < channels; c0 += kLanes) {
            float taps[9][kLanes][kLanes];  // [tap][channel][column]
            for (int tap = 0; tap < 9; tap++) {
                if (conv.turned) {
                    for (int i = 0; i < kLanes; i++) store(taps[tap][i], load(conv.weight + ((c0 + i) * 9 + 8 - tap) * outs + col));
                } else {
                    transpose(conv.weight + (col * 9 + tap) * channels + c0, 9 * channels, kLanes, kLanes, taps[tap][0], kLanes);
                }
            }
            float* out = to + panel * kTileCols * channels + c0 * width + col - first;
            for (int i = 0; i < kLanes; i++, out += width) {
                Vec g[9], half[12], u[kPositions];
                UNROLL
                for (int tap = 0; tap < 9; tap++) g[tap] = load(taps[tap][i]);
                UNROLL
                for (int j = 0; j < 3; j++) transform_weight_line(g + j, 3, half + j, 3);
                UNROLL
                for (int j = 0; j < 4; j++) transform_weight_line(half + 3 * j, 1, u + 4 * j, 1);
                UNROLL
                for (int j = 0; j < kPositions; j++) store(out + j * position_stride, u[j]);
            }
        }
    }
}

// x → Aᵀ x, from four vectors to two.
inline void transform_sum_line(const Vec* x, int step, Vec* y, int y_step) {
    y[0] = x[0] + x[step] + x[2 * step];
    y[y_step] = x[step] - x[2 * step] - x[3 * step];
}

// Writes the outputs of patches first .. first + count, from sums[position][patch][column].
void write_outputs(const Convolution& conv, int64_t first, int64_t count, Range cols, const float* sums, int64_t position_stride) {
    const int64_t patch_cols = conv.patch_cols(), patch_rows = conv.patch_rows();
    const Epilogue& epilogue = conv.epilogue;
    for (int64_t patch = first; patch < first + count; patch++, sums += cols.end - cols.begin) {
        const int64_t y = patch / patch_cols % patch_rows * 2, x = patch % patch_cols * 2;
        const int64_t at = ((patch / (patch_cols * patch_rows) * conv.out_height + y) * conv.out_width + x) * conv.out_channels;
        const int64_t rows_inside = conv.out_height - y, cols_inside = conv.out_width - x;
        for (int64_t col = cols.begin; col < cols.end; col += kLanes) {
            Vec m[kPositions], half[8], out[4];
            UNROLL
            for (int i = 0; i < kPositions; i++) m[i] = load(sums + i * position_stride + col - cols.begin);
            UNROLL
            for (int j = 0; j < 4; j++) transform_sum_line(m + j, 4, half + j, 4);
            UNROLL
            for (int i = 0; i < 2; i++) transform_sum_line(half + 4 * i, 1, out + 2 * i, 1);
            const Vec scale = epilogue.column_scale(col, load), bias = epilogue.column_bias(col, load);
            UNROLL
            for (int i = 0; i < 4; i++) {
                if (i / 2 >= rows_inside || i % 2 >= cols_inside) continue;
                const int64_t place = at + (i / 2 * conv.out_width + i % 2) * conv.out_channels + col;
                store(conv.out + place, epilogue.finish(out[i], scale, bias, conv.out, place, load));
            }
        }
    }
}

// The product of one position, for a block of patches and a share of the outputs.
struct PositionProduct final : Product {
    const float* patches = nullptr;  // (m, k)
    const float* weights = nullptr;  // panels of (k, kTileCols)

    int64_t locate_a(int64_t row, int64_t rows, int64_t p0, int64_t depth, float*, int64_t, const float** starts, int64_t) const override {
        for (int64_t i = 0; i < rows; i++) starts[i] = patches + (row + i) * k + p0;
        return depth;
    }
    const float* find_b(int64_t p0, int64_t, int64_t col, int64_t, float*, int64_t width) const override {
        return weights + col * k + p0 * width;
    }
    void place(int64_t row, int64_t rows, int64_t* offsets) const override {
        for (int64_t i = 0; i < rows; i++) offsets[i] = (row + i) * n;
    }
};

void convolve(const Convolution& conv, int worker, int workers) {
    // Transforming a weight costs about as much as using it for so many patches; a patch, for so many outputs.
    constexpr int64_t kTransformWeight = 12, kTransformPatch = 6;
    const int64_t patches = conv.batch * conv.patch_rows() * conv.patch_cols();
    const Block mine = share(patches, conv.out_channels, kTransformPatch, kTransformWeight, worker, workers);
    const int64_t cols = mine.cols.end - mine.cols.begin, rows = mine.rows.end - mine.rows.begin;
    if (rows <= 0 || cols <= 0) return;

    // As many patches at a time as the second-level cache holds, where there are few channels; else enough to be worth reading all weights
    // for.
    const int64_t most = conv.channels + cols <= 160 ? 48 : 192;
    const int64_t blocks = (rows + most - 1) / most, block_rows = part(rows, kTileRows, 0, blocks).end + kTileRows;
    const int64_t patch_stride = spread(block_rows * conv.channels), sum_stride = spread(block_rows * cols),
                  weight_stride = spread(cols * conv.channels);
    float* const patch_matrix = winograd_scratch.reserve(kPositions * (patch_stride + sum_stride + weight_stride));
    float* const sums = patch_matrix + kPositions * patch_stride;
    float* const weights = sums + kPositions * sum_stride;

    transform_weights(conv, mine.cols, weights, weight_stride);
    for (int64_t block = 0; block < blocks; block++) {
        const Range range = part(rows, kTileRows, block, blocks);
        PositionProduct product;
        product.m = range.end - range.begin, product.n = cols, product.k = conv.channels;
        transform_patches(conv, mine.rows.begin + range.begin, product.m, patch_matrix, patch_stride);
        for (int position = 0; position < kPositions; position++) {
            product.patches = patch_matrix + position * patch_stride;
            product.weights = weights + position * weight_stride;
            product.c = sums + position * sum_stride;
            multiply(product, {0, product.m}, {0, cols});
        }
        write_outputs(conv, mine.rows.begin + range.begin, product.m, mine.cols, sums, sum_stride);
    }
}

}  // namespace

bool suits_winograd(const ConvArgs& args) {
    const auto suits = [](int64_t channels) { return channels >= 32 && channels <= kMostChannels && channels % kLanes == 0; };
    const bool kernel = args.kernel_h == 3 && args.kernel_w == 3 && args.stride_h == 1 && args.stride_w == 1 && args.dilation_h == 1 &&
                        args.dilation_w == 1;
    // Never by the batch: an image's result must not depend on its neighbours.
    constexpr int64_t kFewestPixels = 128;
    return kernel && args.groups == 1 && args.pad_h <= 2 && args.pad_w <= 2 && suits(args.channels) && suits(args.out_channels) &&
           args.out_height * args.out_width >= kFewestPixels;
}

void winograd_forward(const ConvArgs& args, int worker, int workers) {
    const Convolution conv = {args.x,
                              args.w,
                              false,
                              args.batch,
                              args.height,
                              args.width,
                              args.channels,
                              args.y,
                              args.out_height,
                              args.out_width,
                              args.out_channels,
                              args.pad_h,
                              args.pad_w,
                              {args.scale, args.bias, args.residual, 1, args.activation, args.accumulate}};
    convolve(conv, worker, workers);
}

void winograd_backward_data(const ConvArgs& args, int worker, int workers) {
    const Convolution conv = {args.y,
                              args.w,
                              true,
                              args.batch,
                              args.out_height,
                              args.out_width,
                              args.out_channels,
                              args.x,
                              args.height,
                              args.width,
                              args.channels,
                              2 - args.pad_h,
                              2 - args.pad_w,
                              {nullptr, nullptr, nullptr, 1, kNone, args.accumulate}};
    convolve(conv, worker, workers);
}
