// The C interface of the CPU's matrix product and convolutions: plain structs, mirrored field by field by the managed side. Every entry
// point is called once by each worker with the same arguments; the workers share nothing and wait for nobody, each writes its own part of
// the output.
#pragma once

#include <cstdint>

#define EXPORT __attribute__((visibility("default")))

enum Activation : int32_t { kNone = 0, kRelu = 1, kGelu = 2, kSilu = 3 };

// c[m,n] = activation(scale[n] · alpha · op(a)[m,k] op(b)[k,n] + bias[n] + residual[m,n]) (+ c if accumulate); row-major, `batch` times.
struct GemmArgs {
    const float* a;  // (m, k), or (k, m) if trans_a
    const float* b;  // (k, n), or (n, k) if trans_b
    float* c;
    int64_t m, n, k;
    int64_t lda, ldb, ldc;                        // elements from one stored row to the next
    int64_t batch, stride_a, stride_b, stride_c;  // elements from one product to the next; 0: shared
    int32_t trans_a, trans_b;
    const float* scale;     // [n] or null
    const float* bias;      // [n] or null
    const float* residual;  // like c (ldc, stride_c) or null
    int32_t activation;     // Activation
    int32_t accumulate;
    float alpha;
};

// Forward:          y = activation(scale · conv(x, w) + bias + residual) (+ y if accumulate)
// Backward data:    x is written: dx = gradient of y with respect to x, from y (dy) and w (+ x if accumulate)
// Backward weight:  w is written: dw from x and y (dy) (+ w if accumulate)
// The backward entry points ignore scale, bias, residual and activation.
struct ConvArgs {
    float* x;  // (batch, height, width, channels)
    float* w;  // (out_channels, kernel_h, kernel_w, channels / groups)
    float* y;  // (batch, out_height, out_width, out_channels)
    int64_t batch, height, width, channels;
    int64_t out_height, out_width, out_channels;
    int64_t kernel_h, kernel_w;
    int64_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
    int64_t groups;
    const float* scale;     // [out_channels] or null
    const float* bias;      // [out_channels] or null
    const float* residual;  // like y or null
    int32_t activation;     // Activation
    int32_t accumulate;
};

extern "C" {
EXPORT void cpu_gemm(const GemmArgs* args, int worker, int workers);
EXPORT void cpu_conv_forward(const ConvArgs* args, int worker, int workers);
EXPORT void cpu_conv_backward_data(const ConvArgs* args, int worker, int workers);
EXPORT void cpu_conv_backward_weight(const ConvArgs* args, int worker, int workers);
}
