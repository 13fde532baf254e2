#include "kernel.h"

// Resizing of channels-last maps. Along each axis an output index looks at N input indices: 1 (nearest), 2 (bilinear) or 4 (bicubic, a =
// -0.75).
template <int N>
struct Taps {
    int at[N];
    acc weight[N];
};

FN acc cubic_near(acc t) { return (acc(1.25) * t - acc(2.25)) * t * t + acc(1); }             // |t| <= 1
FN acc cubic_far(acc t) { return ((acc(-0.75) * t + acc(3.75)) * t - acc(6)) * t + acc(3); }  // 1 < |t| < 2

// scale: input pixels per output pixel. aligned: the centers of corner pixels meet, instead of the corners of the maps.
template <int N>
FN Taps<N> taps_of(int out, int size, acc scale, bool aligned) {
    Taps<N> taps;
    if (N == 1) {
        taps.at[0] = m_min((int)m_floor((acc)out * scale), size - 1);
        taps.weight[0] = 1;
        return taps;
    }
    acc place = aligned ? (acc)out * scale : ((acc)out + acc(0.5)) * scale - acc(0.5);
    if (N == 2) place = m_max(place, acc(0));
    const int first = (int)m_floor(place);
    const acc t = place - (acc)first;
    UNROLL for (int j = 0; j < N; ++j) taps.at[j] = m_clamp(first + j - (N == 4 ? 1 : 0), 0, size - 1);
    if (N == 2) {
        taps.weight[0] = acc(1) - t;
        taps.weight[N - 1] = t;
    } else if (N == 4) {
        taps.weight[0] = cubic_far(t + acc(1));
        taps.weight[1 % N] = cubic_near(t);
        taps.weight[2 % N] = cubic_near(acc(1) - t);
        taps.weight[3 % N] = cubic_far(acc(2) - t);
    }
    return taps;
}

// How much output index `out` takes from input index `in`.
template <int N>
FN acc weight_between(int out, int in, int size, acc scale, bool aligned) {
    const Taps<N> taps = taps_of<N>(out, size, scale, aligned);
    acc sum = 0;
    UNROLL for (int j = 0; j < N; ++j) sum += taps.at[j] == in ? taps.weight[j] : acc(0);
    return sum;
}

template <int N>
FN void forward_pixel(real* y, const real* image, int oh, int ow, int height, int width, int channels, acc scale_h, acc scale_w,
                      bool aligned) {
    const Taps<N> rows = taps_of<N>(oh, height, scale_h, aligned), columns = taps_of<N>(ow, width, scale_w, aligned);
    LANE_LOOP (c, channels) {
        acc sum = 0;
        UNROLL for (int i = 0; i < N; ++i) {
            const real* row = image + (index_t)rows.at[i] * width * channels + c;
            acc across = 0;
            UNROLL for (int j = 0; j < N; ++j) across += columns.weight[j] * (acc)row[(index_t)columns.at[j] * channels];
            sum += rows.weight[i] * across;
        }
        y[c] = (real)sum;
    }
}

// The outputs that may look at input `in`: all of them beyond an edge whose taps are clamped.
struct Reach {
    int first, last;
};
FN Reach reach_of(int in, int size, int out_size, acc scale, int radius) {
    if (scale == 0) return {0, out_size - 1};
    const acc low = m_floor((acc)(in - radius) / scale - acc(1)), high = m_floor((acc)(in + radius + 1) / scale) + acc(1);
    return {in == 0 || low < 0 ? 0 : (int)low, in == size - 1 || high > (acc)(out_size - 1) ? out_size - 1 : (int)high};
}

template <int N>
FN void backward_pixel(real* dx, const real* dy, int h, int w, int height, int width, int channels, int out_height, int out_width,
                       acc scale_h, acc scale_w, bool aligned) {
    const Reach rows = reach_of(h, height, out_height, scale_h, N == 4 ? 2 : 1),
                columns = reach_of(w, width, out_width, scale_w, N == 4 ? 2 : 1);
    LANE_LOOP (c, channels) dx[c] = (real)0;
    for (int oh = rows.first; oh <= rows.last; ++oh) {
        const acc down = weight_between<N>(oh, h, height, scale_h, aligned);
        if (down == 0) continue;
        for (int ow = columns.first; ow <= columns.last; ++ow) {
            const acc weight = down * weight_between<N>(ow, w, width, scale_w, aligned);
            if (weight == 0) continue;
            const real* from = dy + ((index_t)oh * out_width + ow) * channels;
            LANE_LOOP (c, channels) dx[c] = (real)((acc)dx[c] + weight * (acc)from[c]);
        }
    }
}

// y[n, oh, ow, :] from x[n, h, w, :]; one team per output pixel. taps: 1, 2 or 4.
KERNEL(interpolate_forward, real* y, const real* x, int batch, int height, int width, int channels, int out_height, int out_width,  //
       double scale_h, double scale_w, int taps, int aligned) {
    TEAM_LOOP (t, (index_t)batch * out_height * out_width) {
        const int ow = (int)(t % out_width), oh = (int)(t / out_width % out_height);
        const real* image = x + t / out_width / out_height * height * width * channels;
        real* yr = y + t * channels;
        if (taps == 1) forward_pixel<1>(yr, image, oh, ow, height, width, channels, (acc)scale_h, (acc)scale_w, aligned);
        else if (taps == 2) forward_pixel<2>(yr, image, oh, ow, height, width, channels, (acc)scale_h, (acc)scale_w, aligned);
        else forward_pixel<4>(yr, image, oh, ow, height, width, channels, (acc)scale_h, (acc)scale_w, aligned);
    }
}

// dx gathered from the outputs that looked at each input pixel: nobody else writes it. One team per input pixel.
KERNEL(interpolate_backward, real* dx, const real* dy, int batch, int height, int width, int channels, int out_height, int out_width,  //
       double scale_h, double scale_w, int taps, int aligned) {
    TEAM_LOOP (t, (index_t)batch * height * width) {
        const int w = (int)(t % width), h = (int)(t / width % height);
        const real* map = dy + t / width / height * out_height * out_width * channels;
        real* dxr = dx + t * channels;
        const acc sh = (acc)scale_h, sw = (acc)scale_w;
        if (taps == 1) backward_pixel<1>(dxr, map, h, w, height, width, channels, out_height, out_width, sh, sw, aligned);
        else if (taps == 2) backward_pixel<2>(dxr, map, h, w, height, width, channels, out_height, out_width, sh, sw, aligned);
        else backward_pixel<4>(dxr, map, h, w, height, width, channels, out_height, out_width, sh, sw, aligned);
    }
}
