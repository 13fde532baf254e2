// An image's rows of patches, found in place where they lie inside the image.
#include "gather.h"

#include <algorithm>

#include "tile.h"

namespace {

constexpr float kZeros[kDepth] = {};  // a run outside the image

int64_t ceil_divide(int64_t a, int64_t b) { return a > 0 ? (a + b - 1) / b : a / b; }

// Goes through p0 .. p0 + depth of `count` rows by pieces [begin, end) of runs, each for all rows. Calls whole(p, r, n, from, step) for n
// rows from r on whose piece, at p0 + p, lies inside the image: the first one's at from, the others' step further each. Calls
// clipped(p, r, begin, end, low, high, run) for a row of which only the floats [low, high) of the run do, at run + low.
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
