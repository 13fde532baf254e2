#include "kernel.h"

// y[n, oh, ow, c] = max over the window; `taps` is the place in the window where it was found, row by row: the first of equal ones, a NaN
// before all. One team per output pixel.
KERNEL(pool_max_forward, real* y, uint8_t* taps,                            // [batch, out_height, out_width, channels]
       const real* x, int batch, int height, int width, int channels,       // [batch, height, width, channels]
       int out_height, int out_width, int kernel_height, int kernel_width,  //
       int stride_height, int stride_width, int pad_height, int pad_width) {
    TEAM_LOOP (t, (index_t)batch * out_height * out_width) {
        const int ow = (int)(t % out_width), oh = (int)(t / out_width % out_height);
        const real* image = x + t / out_width / out_height * height * width * channels;
        real* yr = y + t * channels;
        TEAM_SCRATCH(acc, tap, channels);  // as wide as the values: mixed widths would not become vectors
        LANE_LOOP (c, channels) {
            yr[c] = (real)-INFINITY;
            tap[c] = -1;
        }
        for (int i = 0; i < kernel_height; ++i) {
            const int h = oh * stride_height - pad_height + i;
            for (int j = 0; j < kernel_width; ++j) {
                const int w = ow * stride_width - pad_width + j;
                if (h < 0 || h >= height || w < 0 || w >= width) continue;
                const real* row = image + ((index_t)h * width + w) * channels;
                const acc here = (acc)(i * kernel_width + j);
                LANE_LOOP (c, channels) {
                    const acc v = (acc)row[c], best = (acc)yr[c];
                    const bool better = v > best || tap[c] < 0 || (v != v && best == best);
                    yr[c] = better ? row[c] : yr[c];
                    tap[c] = better ? here : tap[c];
                }
            }
        }
        LANE_LOOP (c, channels) taps[t * channels + c] = (uint8_t)tap[c];
    }
}

// dx[n, h, w, c] = sum of dy over the windows that took their maximum here; gathered, so that nobody else writes it. One team per input
// pixel.
KERNEL(pool_max_backward, real* dx, const real* dy, const uint8_t* taps, int batch, int height, int width, int channels,  //
       int out_height, int out_width, int kernel_height, int kernel_width,                                                //
       int stride_height, int stride_width, int pad_height, int pad_width) {
    TEAM_LOOP (t, (index_t)batch * height * width) {
        const int w = (int)(t % width) + pad_width, h = (int)(t / width % height) + pad_height;
        const index_t image = t / width / height * out_height * out_width;
        real* dxr = dx + t * channels;
        LANE_LOOP (c, channels) dxr[c] = (real)0;
        const int top = h < kernel_height ? 0 : (h - kernel_height) / stride_height + 1;
        const int left = w < kernel_width ? 0 : (w - kernel_width) / stride_width + 1;
        for (int oh = top; oh < out_height && oh * stride_height <= h; ++oh) {
            for (int ow = left; ow < out_width && ow * stride_width <= w; ++ow) {
                const index_t at = (image + (index_t)oh * out_width + ow) * channels;
                const uint8_t here = (uint8_t)((h - oh * stride_height) * kernel_width + w - ow * stride_width);
                LANE_LOOP (c, channels) dxr[c] = (real)((acc)dxr[c] + (taps[at + c] == here ? (acc)dy[at + c] : (acc)0));
            }
        }
    }
}
