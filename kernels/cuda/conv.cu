// Convolutions over channels-last maps as products whose operand a (forward, backward data) or b (backward weight) is never whole in
// memory: row r of it holds what place r of a grid sees of an image, (taps_h, taps_w, channels). Groups are the products of a batch.
#include "cuda/tile.h"

// One direction of a grid over an image: place i and tap t meet it at i · step + first + t · tap_step, if that is inside.
struct Axis {
    int places, taps, extent, step, first, tap_step;
};

// Mirrored by the managed side. Backward data goes over the pixels of one phase (row % stride_h, column % stride_w), which meet the same
// taps.
struct Convolution {
    Product product;
    Axis rows, cols;
    int images, channels;  // of one group
    int pixel;             // elements from one pixel to the next
    int unused;
    index_t weight_row, tap_row,
        tap_col;  // backward data: elements from one output channel's weights to the next, from one tap to the next
};

// Where an element of a row of the operand lies in it; goes on by any number of elements.
struct Tap {
    int channel, row, col;

    Tap() = default;
    METHOD Tap(const Convolution& p, int k) {
        const int tap = k / p.channels;
        channel = k % p.channels, row = tap / p.cols.taps, col = tap % p.cols.taps;
    }
    METHOD void move(const Convolution& p, int by) {
        _Pragma("unroll 1") for (channel += by; channel >= p.channels; channel -= p.channels) if (++col == p.cols.taps) col = 0, ++row;
    }
};

// A place of the grid; behind the last one the image is no image.
struct GridPlace {
    int image, row, col;

    GridPlace() = default;
    METHOD GridPlace(const Convolution& p, int r) {
        const int line = r / p.cols.places;
        image = line / p.rows.places, row = line % p.rows.places, col = r % p.cols.places;
    }
    METHOD void move(const Convolution& p, int by) {
        _Pragma("unroll 1") for (col += by; col >= p.cols.places; col -= p.cols.places) if (++row == p.rows.places) row = 0, ++image;
    }
};

// The operand of patches; rows of it are places, k (or n, if k_major) its elements.
template <int size, int threads, bool k_major>
struct Patches {
    static constexpr int kCount = Share<size, threads>::kCount;
    const Share<size, threads> share{k_major};
    const Convolution& p;
    const char* const image;
    const bool single, whole;
    Tap tap;
    GridPlace place[kCount];

    METHOD Patches(const Convolution& p, const void* image, bool single, bool whole, int first, int k_begin)
        : p(p), image((const char*)image), single(single), whole(whole), tap(p, (k_major ? first : k_begin) + share.chunk() * kChunk) {
        UNROLL for (int j = 0; j < kCount; ++j) place[j] = GridPlace(p, (k_major ? k_begin : first) + share.line() + j * share.between());
    }
    // Where a place's tap lies, or null outside.
    METHOD const char* at(const GridPlace& from, const Tap& tap) const {
        const int y = from.row * p.rows.step + p.rows.first + tap.row * p.rows.tap_step;
        const int x = from.col * p.cols.step + p.cols.first + tap.col * p.cols.tap_step;
        const bool inside = from.image < p.images && tap.row < p.rows.taps && (unsigned)y < (unsigned)p.rows.extent &&
                            (unsigned)x < (unsigned)p.cols.extent;
        const index_t pixel = ((index_t)from.image * p.rows.extent + y) * p.cols.extent + x;
        return inside ? fresh(image) + (pixel * p.pixel + tap.channel) * (single ? 4 : sizeof(real)) : nullptr;
    }
    METHOD void read(Chunk (&chunks)[kCount]) const {
        if (whole) {
            UNROLL for (int j = 0; j < kCount; ++j) {
                const char* from = at(place[j], tap);
                read_chunk(chunks[j], from, from ? kChunk : 0, true, single);
            }
        } else {
            Tap each = tap;
            UNROLL for (int e = 0; e < kChunk; ++e, each.move(p, 1)) {
                UNROLL for (int j = 0; j < kCount; ++j) read_element(chunks[j], e, at(place[j], each), single);
            }
        }
    }
    METHOD void advance() {
        if (k_major) {
            UNROLL for (int j = 0; j < kCount; ++j) place[j].move(p, kDepth);
        } else {
            tap.move(p, kDepth);
        }
    }
};

// The weights as backward data multiplies by them: lines are (tap, output channel), along them the channels of the image.
template <int size, int threads>
struct Weights {
    static constexpr int kCount = Share<size, threads>::kCount;
    const Share<size, threads> share{true};
    const Convolution& p;
    const char* const weights;
    const bool single, whole;
    const int along;
    Tap line[kCount];

    METHOD Weights(const Convolution& p, const void* weights, bool single, bool whole, int first, int count, int k_begin)
        : p(p),
          weights((const char*)weights + (first + share.chunk() * kChunk) * (single ? 4 : sizeof(real))),
          single(single),
          whole(whole),
          along(count - first - share.chunk() * kChunk) {
        UNROLL for (int j = 0; j < kCount; ++j) line[j] = Tap(p, k_begin + share.line() + j * share.between());
    }
    METHOD void read(Chunk (&chunks)[kCount]) const {
        UNROLL for (int j = 0; j < kCount; ++j) {
            const index_t at = line[j].channel * p.weight_row + line[j].row * p.tap_row + line[j].col * p.tap_col;
            read_chunk(chunks[j], weights + at * (single ? 4 : sizeof(real)), line[j].row < p.rows.taps ? along : 0, whole, single);
        }
    }
    METHOD void advance() { UNROLL for (int j = 0; j < kCount; ++j) line[j].move(p, kDepth); }
};

FN const char* operand_of(const void* data, int product, index_t step, bool single) {
    return (const char*)data + product * step * (single ? 4 : sizeof(real));
}

template <class Tile>
FN void forward(const Convolution& c) {
    __shared__ typename Tile::Shared shared;
    const Product& p = c.product;
    const Place<Tile> place(p);
    const bool single_a = is_single(p.single_a), single_b = is_single(p.single_b);
    Patches<Tile::kM, Tile::kThreads, false> patches(c, operand_of(p.a, place.product, p.step_a, single_a), single_a, p.whole_a, place.row,
                                                     place.k_begin);
    Matrix<Tile::kN, Tile::kThreads> weights(operand_of(p.b, place.product, p.step_b, single_b), p.ldb, false, single_b, p.whole_b,
                                             place.col, p.n, place.k_begin, place.k_end);
    multiply_tile(p, place, shared, patches, weights);
}

template <class Tile>
FN void backward_data(const Convolution& c) {
    __shared__ typename Tile::Shared shared;
    const Product& p = c.product;
    const Place<Tile> place(p);
    const bool single_a = is_single(p.single_a), single_b = is_single(p.single_b);
    Patches<Tile::kM, Tile::kThreads, false> patches(c, operand_of(p.a, place.product, p.step_a, single_a), single_a, p.whole_a, place.row,
                                                     place.k_begin);
    Weights<Tile::kN, Tile::kThreads> weights(c, operand_of(p.b, place.product, p.step_b, single_b), single_b, p.whole_b, place.col, p.n,
                                              place.k_begin);
    multiply_tile(p, place, shared, patches, weights);
}

template <class Tile>
FN void backward_weight(const Convolution& c) {
    __shared__ typename Tile::Shared shared;
    const Product& p = c.product;
    const Place<Tile> place(p);
    const bool single_a = is_single(p.single_a), single_b = is_single(p.single_b);
    Matrix<Tile::kM, Tile::kThreads> outputs(operand_of(p.a, place.product, p.step_a, single_a), p.lda, true, single_a, p.whole_a,
                                             place.row, p.m, place.k_begin, place.k_end);
    Patches<Tile::kN, Tile::kThreads, true> patches(c, operand_of(p.b, place.product, p.step_b, single_b), single_b, p.whole_b, place.col,
                                                    place.k_begin);
    multiply_tile(p, place, shared, outputs, patches);
}

BLOCKS(conv_forward_128x128, Convolution, 256, kNarrow ? 1 : 2);
BLOCKS(conv_forward_64x64, Convolution, 128, kNarrow ? 3 : 4);
BLOCKS(conv_backward_data_128x128, Convolution, 256, kNarrow ? 1 : 2);
BLOCKS(conv_backward_data_64x64, Convolution, 128, kNarrow ? 3 : 4);
BLOCKS(conv_backward_weight_128x128, Convolution, 256, 1);
BLOCKS(conv_backward_weight_64x64, Convolution, 128, kNarrow ? 3 : 4);

KERNEL(conv_forward_128x128, Convolution c) { forward<Tile<2, 2, 4, 2>>(c); }
KERNEL(conv_forward_64x64, Convolution c) { forward<Tile<2, 1, 2, 2>>(c); }
KERNEL(conv_backward_data_128x128, Convolution c) { backward_data<Tile<2, 2, 4, 2>>(c); }
KERNEL(conv_backward_data_64x64, Convolution c) { backward_data<Tile<2, 1, 2, 2>>(c); }
KERNEL(conv_backward_weight_128x128, Convolution c) { backward_weight<Tile<2, 2, 4, 2>>(c); }
KERNEL(conv_backward_weight_64x64, Convolution c) { backward_weight<Tile<2, 1, 2, 2>>(c); }
